/** One repository of one registry, spoken to by the distribution API (OCI distribution-spec; Docker Registry HTTP API V2). */

import { errnoOf } from '../../base/errors.ts';
import type { Credentials } from '../http/credentials.ts';
import type { HttpClient, HttpResponse, Sink } from '../http/types.ts';
import type { Progress } from '../progress.ts';
import { Authorization, AuthorizationError } from './authorization.ts';
import { type Digest, digestLike, sha256Of } from './digest.ts';
import { imageError, registryError } from './errors.ts';
import type { Descriptor } from './manifest.ts';
import { acceptManifests, bareMediaType } from './media-types.ts';

/** Bytes of a manifest or configuration. The largest real ones have some hundred KiB. */
const maxDocument = 1024 * 1024;

/** Bytes of one layer as it is downloaded. */
const maxLayer = 2 ** 40;

const credentialsHint =
  'put them into a file of kind "dockerAuth" in auth.d of the configuration (docs/docker-images.md)';

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
  readonly #authorization: Authorization;

  private constructor(options: RegistryOptions, base: string) {
    this.#options = options;
    this.#base = base;
    this.#authorization = new Authorization({ ...options, base });
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
    const hint =
      options.allowHttp || errnoOf(failure) === 'ETLS'
        ? {}
        : { hint: 'a registry without TLS needs --insecure-options=http' };
    throw registryError(options.image, `the registry ${options.host} cannot be reached`, { cause: failure, ...hint });
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
    const { http, image } = this.#options;
    const ask = (): Promise<{ status: number; headers: Readonly<Record<string, string>> }> =>
      http.download(this.#url(`blobs/${digest}`), sink, {
        headers: this.#authorization.headers,
        maxBytes: maxLayer,
        expectedBytes: size,
        progress: { to: options.progress, label: options.label },
        signal: options.signal,
        accept: (status) => status !== 200,
      });
    let result = await ask();
    if (result.status === 401) {
      await this.#authorize(result.headers['www-authenticate']);
      result = await ask();
    }
    if (result.status !== 200) throw registryError(image, `layer ${digest}: ${this.#refusal(result.status)}`);
  }

  async #ping(): Promise<void> {
    const { http, image, host } = this.#options;
    const response = await http.request(`${this.#base}/v2/`);
    await response.discard();
    const { status, headers } = response;
    if (status === 401) await this.#authorize(headers['www-authenticate']);
    else if (status !== 200) {
      throw registryError(image, `${host} answers ${status} and does not seem to be a registry (API version 2)`);
    }
  }

  async #authorize(challenge: string | undefined): Promise<void> {
    try {
      await this.#authorization.answer(challenge ?? '');
    } catch (error) {
      if (!(error instanceof AuthorizationError)) throw error;
      throw registryError(this.#options.image, error.message, { hint: credentialsHint });
    }
  }

  async #get(path: string, headers: Record<string, string>): Promise<HttpResponse> {
    const { http } = this.#options;
    const ask = (): Promise<HttpResponse> =>
      http.request(this.#url(path), { headers: { ...headers, ...this.#authorization.headers } });
    const response = await ask();
    if (response.status !== 401) return response;
    await response.discard();
    await this.#authorize(response.headers['www-authenticate']);
    return await ask();
  }

  async #document(response: HttpResponse, what: string): Promise<Buffer> {
    if (response.status === 200) return await response.bytes(maxDocument);
    await response.discard();
    const { image } = this.#options;
    const denied = response.status === 401 || response.status === 403;
    throw registryError(image, `${what}: ${this.#refusal(response.status)}`, denied ? { hint: credentialsHint } : {});
  }

  #refusal(status: number): string {
    const { host, repository } = this.#options;
    if (status === 404) return `the registry ${host} does not have it in ${repository}`;
    if (status === 401 || status === 403) return `the registry ${host} does not let you read ${repository}`;
    return `the registry ${host} answers ${status}`;
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
