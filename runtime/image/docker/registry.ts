/** One repository of one registry, spoken to by the distribution API (OCI distribution-spec; Docker Registry HTTP API V2). */

import { errnoOf, isRktError, messageOf, type RktError } from '../../base/errors.ts';
import type { Credentials } from '../http/credentials.ts';
import { describeStatus, mayLackTls } from '../http/errors.ts';
import type { Access, HttpClient, HttpResponse, Refusal, Sink } from '../http/types.ts';
import type { Progress } from '../progress.ts';
import { Authorization, AuthorizationError } from './authorization.ts';
import { type Digest, digestLike, sha256Of } from './digest.ts';
import { imageError, registryError } from './errors.ts';
import type { Descriptor } from './manifest.ts';
import { acceptManifests, bareMediaType } from './media-types.ts';
import { hintFor, refusalOf, remarkOf } from './refusal.ts';

/** Bytes of a manifest or configuration. The largest real ones have some hundred KiB. */
const maxDocument = 1024 * 1024;

/** Bytes of one layer as it is downloaded. */
const maxLayer = 2 ** 40;

export interface RegistryOptions {
  readonly http: HttpClient;
  readonly credentials: Credentials;
  readonly allowHttp: boolean;
  /** Host and port. */
  readonly host: string;
  readonly repository: string;
  /** The reference that the user gave, for messages. */
  readonly image: string;
}

export interface ServedManifest {
  readonly content: Buffer;
  readonly mediaType: string;
  readonly digest: Digest;
}

export class Registry {
  readonly #options: RegistryOptions;
  readonly #base: string;
  readonly #access: Access;

  private constructor(options: RegistryOptions, base: string) {
    this.#options = options;
    this.#base = base;
    const authorization = new Authorization({ ...options, base });
    this.#access = {
      get headers() {
        return authorization.headers;
      },
      answer: (refusal) => this.#authorize(authorization, refusal),
    };
  }

  /**
   * Finds out how the registry is reached: by TLS, or, where the user allows it, without. Throws EREGISTRY where nothing that
   * knows the API answers.
   */
  static async connect(options: RegistryOptions): Promise<Registry> {
    const schemes = schemesFor(options);
    let failure: unknown;
    for (const scheme of schemes) {
      const registry = new Registry(options, `${scheme}://${options.host}`);
      try {
        await registry.#ping();
        return registry;
      } catch (error) {
        // An answer that says no is an answer; only silence on one port is worth trying the other.
        if (!['EHTTP', 'ETLS'].includes(errnoOf(error) ?? '')) throw error;
        failure ??= error;
      }
    }
    throw unreachable(options, failure);
  }

  /** A manifest or index by tag or digest; one asked for by digest is checked. */
  async manifest(reference: string): Promise<ServedManifest> {
    const { image } = this.#options;
    const response = await this.#get(`manifests/${reference}`, { accept: acceptManifests });
    const content = await this.#document(response, `manifest ${reference}`);
    const byDigest = reference.includes(':');
    const digest = byDigest ? digestLike(reference, content) : sha256Of(content);
    if (byDigest && digest !== reference) {
      throw imageError(
        image,
        `the registry sent a manifest with the digest ${digest} where ${reference} was asked for`,
      );
    }
    return { content, mediaType: bareMediaType(response.headers['content-type']), digest };
  }

  /** A small blob, whole and checked. */
  async blob({ digest, size }: Descriptor, what: string): Promise<Buffer> {
    const { image } = this.#options;
    if (size > maxDocument)
      throw imageError(image, `its ${what} has ${size} bytes, more than the ${maxDocument} allowed`);
    const response = await this.#get(`blobs/${digest}`, {});
    const content = await this.#document(response, `${what} ${digest}`);
    if (content.length !== size) {
      throw imageError(image, `its ${what} has ${content.length} bytes, not ${size} as promised`);
    }
    const actual = digestLike(digest, content);
    if (actual !== digest) throw imageError(image, `its ${what} has the digest ${actual}, not ${digest} as promised`);
    return content;
  }

  /** A layer, piece by piece; the digest is the receiver's to check. A token that ran out is renewed. */
  async download(
    { digest, size }: Descriptor,
    sink: Sink,
    options: { readonly progress: Progress; readonly label: string; readonly signal: AbortSignal },
  ): Promise<void> {
    const { http } = this.#options;
    const { status } = await http.download(this.#url(`blobs/${digest}`), sink, {
      access: this.#access,
      maxBytes: maxLayer,
      expectedBytes: size,
      progress: { to: options.progress, label: options.label },
      signal: options.signal,
      accept: (answer) => answer !== 200,
    });
    if (status !== 200) throw this.#refused(`layer ${digest}`, status);
  }

  async #ping(): Promise<void> {
    const { http, image, host } = this.#options;
    const response = await http.request(`${this.#base}/v2/`);
    const { status } = response;
    if (status === 200 || status === 401) await response.discard();
    if (status === 200) return;
    if (status === 401) return await this.#access.answer(response);
    const remark = await remarkOf(response);
    if (status === 429 || status >= 500) throw this.#refused('its registry', status, remark);
    const answer = `${host} answers ${describeStatus(status)}${remark}`;
    throw registryError(image, `${answer} and does not seem to be a registry (API version 2)`);
  }

  /**
   * Only the registry itself may ask who is there. What it redirects to (a store of blobs, somebody's own server) would name a token
   * server of its choice, which the registry's credentials would then be sent to.
   */
  async #authorize(authorization: Authorization, { headers, url }: Refusal): Promise<void> {
    const { image, host } = this.#options;
    const { origin } = new URL(url);
    if (origin !== new URL(this.#base).origin) {
      throw registryError(image, `the registry ${host} redirects to ${origin}, which asks for credentials of its own`);
    }
    try {
      await authorization.answer(headers['www-authenticate'] ?? '');
    } catch (error) {
      if (!(error instanceof AuthorizationError)) throw error;
      throw registryError(image, error.message, hintFor(401));
    }
  }

  async #get(path: string, headers: Record<string, string>): Promise<HttpResponse> {
    const { http } = this.#options;
    const ask = (): Promise<HttpResponse> =>
      http.request(this.#url(path), { headers: { ...headers, ...this.#access.headers } });
    const response = await ask();
    if (response.status !== 401) return response;
    await response.discard();
    await this.#access.answer(response);
    return await ask();
  }

  async #document(response: HttpResponse, what: string): Promise<Buffer> {
    if (response.status === 200) return await response.bytes(maxDocument);
    const remark = await remarkOf(response);
    // That something is not there can be said in one way only.
    throw this.#refused(what, response.status, response.status === 404 ? '' : remark);
  }

  #refused(what: string, status: number, remark = ''): RktError {
    const { image, host, repository } = this.#options;
    return registryError(image, `${what}: ${refusalOf(status, host, repository)}${remark}`, hintFor(status));
  }

  #url(path: string): string {
    return `${this.#base}/v2/${this.#options.repository}/${path}`;
  }
}

/** On the loopback nobody listens in, and registries there rarely have TLS. */
function schemesFor({ allowHttp, host }: RegistryOptions): string[] {
  if (!allowHttp) return ['https'];
  return /^(localhost|127\.[0-9.]+|\[::1\])(:|$)/.test(host) ? ['http', 'https'] : ['https', 'http'];
}

/** Nothing that could be a registry answers; why not is said by `failure` of the HTTP client. */
function unreachable({ image, allowHttp }: RegistryOptions, failure: unknown): RktError {
  const plain = !allowHttp && mayLackTls(failure) ? 'a registry without TLS needs --insecure-options=http' : undefined;
  const hint = plain ?? (isRktError(failure) ? failure.hint : undefined);
  // Names the place, and the proxy on the way there.
  return registryError(image, `the registry cannot be reached: ${messageOf(failure)}`, {
    cause: failure,
    ...(hint === undefined ? {} : { hint }),
  });
}
