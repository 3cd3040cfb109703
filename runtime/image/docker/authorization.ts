/** How one repository of one registry is allowed to be read: no proof, a password, or a token bought with one. */

import { basicAuthorization } from '../http/basic.ts';
import type { Credentials } from '../http/credentials.ts';
import { describeStatus } from '../http/errors.ts';
import type { HttpClient } from '../http/types.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { namesOfRegistry } from './reference.ts';
import { remarkOf } from './refusal.ts';

/** Bytes of a token server's answer. */
const maxTokenAnswer = 256 * 1024;

/** Longest token that is passed on; servers limit headers to about that. */
const maxToken = 64 * 1024;

export interface AuthorizationOptions {
  readonly http: HttpClient;
  readonly credentials: Credentials;
  /** `https://host:port`, where the registry answers. */
  readonly base: string;
  readonly repository: string;
}

/** A sentence about why there is no way in. */
export class AuthorizationError extends Error {}

/**
 * Credentials are looked up by the registry's host only, and sent to it or to the token server that it names; never to the
 * places that a blob's download is redirected to, nor to any that an image names.
 */
export class Authorization {
  readonly #options: AuthorizationOptions;
  readonly #host: string;
  #header: string | undefined;

  constructor(options: AuthorizationOptions) {
    this.#options = options;
    this.#host = new URL(options.base).host;
  }

  /** Headers for the next request to the registry. */
  get headers(): Readonly<Record<string, string>> {
    return this.#header === undefined ? {} : { authorization: this.#header };
  }

  /** Takes the registry's 401. Throws AuthorizationError where its demand cannot be met. */
  async answer(challengeHeader: string): Promise<void> {
    const challenges = parseChallenges(challengeHeader);
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) {
      this.#header = `Bearer ${await this.#token(bearer)}`;
      return;
    }
    if (!challenges.some(({ scheme }) => scheme === 'basic')) {
      throw new AuthorizationError(`${this.#host} asks for a kind of authentication that rkt does not know`);
    }
    const header = this.#own();
    if (header === undefined) throw new AuthorizationError(`${this.#host} asks for a user and password`);
    if (this.#header === header) throw new AuthorizationError(`${this.#host} does not accept the user and password`);
    this.#header = header;
  }

  /** What the user has configured for the registry's host. */
  #own(): string | undefined {
    const { credentials } = this.#options;
    const [account] = namesOfRegistry(this.#host).flatMap((name) => credentials.registry(name) ?? []);
    return account === undefined
      ? credentials.authorization(this.#host)
      : basicAuthorization(account.user, account.password);
  }

  async #token({ parameters }: Challenge): Promise<string> {
    const url = this.#tokenUrl(parameters);
    const own = this.#own();
    // In clear text a password may only go where the registry itself is reached in clear text.
    if (own !== undefined && url.protocol === 'http:' && this.#options.base.startsWith('https:')) {
      throw new AuthorizationError(`${this.#host} names a token server without TLS (${url.origin})`);
    }
    const headers: Record<string, string> = own === undefined ? {} : { authorization: own };
    // The registry chose the place and gets what comes from there: what the user has for that place must not be used for it. Where
    // it redirects to another server, the header does not go along.
    const response = await this.#options.http.request(url.href, { headers, authenticate: false });
    if (response.status !== 200) {
      const remark = await remarkOf(response);
      const refused = response.status === 401 || response.status === 403;
      throw new AuthorizationError(
        refused && own !== undefined
          ? `the token server ${url.origin} does not accept the user and password`
          : `the token server ${url.origin} answers ${describeStatus(response.status)}${remark}`,
      );
    }
    return tokenOf(await response.text(maxTokenAnswer), url.origin);
  }

  #tokenUrl({ realm, service }: Challenge['parameters']): URL {
    const url = realm !== undefined && URL.canParse(realm) ? new URL(realm) : undefined;
    if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
      throw new AuthorizationError(`${this.#host} names no usable token server: ${JSON.stringify(realm)}`);
    }
    url.username = '';
    url.password = '';
    if (service !== undefined) url.searchParams.set('service', service);
    // The scope is ours to say: that of the challenge could ask for more than reading this repository.
    url.searchParams.set('scope', `repository:${this.#options.repository}:pull`);
    return url;
  }
}

function tokenOf(text: string, origin: string): string {
  let answer: { token?: unknown; access_token?: unknown } | null;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new AuthorizationError(`the token server ${origin} answers something that is not JSON`);
  }
  // Some servers leave one of the two empty.
  const token = answer?.token || answer?.access_token;
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token) || token.length > maxToken) {
    throw new AuthorizationError(`the token server ${origin} answers without a token`);
  }
  return token;
}
