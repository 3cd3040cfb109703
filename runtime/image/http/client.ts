/** The only way rkt speaks HTTP to the outside: undici with rkt's rules about redirects, TLS, credentials and repetition. */

import { RktError } from '../../base/errors.ts';
import { version } from '../../base/version.ts';
import { delayBefore, inSeconds, isPassingStatus, retryAfter, wait } from './backoff.ts';
import { basicAuthorization } from './basic.ts';
import { type Dispatchers, makeDispatchers, type Route } from './dispatcher.ts';
import { download } from './download.ts';
import { describeFailure, describeStatus, isPassing, transportError } from './errors.ts';
import { checkUrl, follow, type Hop, isRedirect, shownUrl } from './redirect.ts';
import { flatten, Response } from './response.ts';
import type {
  DownloadOptions,
  DownloadResult,
  Headers,
  HttpClient,
  HttpOptions,
  HttpResponse,
  RequestOptions,
  Retries,
  Sink,
} from './types.ts';

export { HttpError, statusOf } from './errors.ts';
export type * from './types.ts';

const defaultTimeouts = { connect: 30_000, headers: 60_000, body: 60_000 };
const defaultRetries: Retries = { attempts: 4, delay: 500, maxDelay: 30_000 };
const defaultMaxRedirects = 10;

/** Opens no connection yet. Errors: ECONFIG for a proxy that is not a URL. */
export function openHttpClient(options: HttpOptions): HttpClient {
  return new Client(options);
}

class Client implements HttpClient {
  readonly #options: HttpOptions;
  readonly #retries: Retries;
  readonly #dispatchers: Dispatchers;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.#retries = { ...defaultRetries, ...options.retries };
    this.#dispatchers = makeDispatchers({
      env: options.env ?? process.env,
      anyCertificate: options.insecure.tls,
      timeouts: { ...defaultTimeouts, ...options.timeouts },
    });
  }

  async request(url: string, options: RequestOptions = {}): Promise<HttpResponse> {
    const { maxRedirects = defaultMaxRedirects, signal } = options;
    const allowHttp = this.#options.insecure.http;
    let hop = firstHop(checkUrl(url, allowHttp), options);
    for (let redirects = 0; ; redirects++) {
      const response = await this.#exchange(hop, signal);
      if (!isRedirect(response.status) || maxRedirects === 0) return response;
      await response.discard();
      if (redirects === maxRedirects) {
        throw new RktError(`fetching ${url}: the server redirects more than ${maxRedirects} times`, {
          code: 'EREDIRECT',
        });
      }
      hop = follow(hop, response.status, response.headers.location, allowHttp);
      this.#options.log.debug(`redirected to ${hop.url.href}`);
    }
  }

  download(url: string, sink: Sink, options: DownloadOptions): Promise<DownloadResult> {
    return download(this, url, sink, { ...options, retries: this.#retries, log: this.#options.log });
  }

  async close(): Promise<void> {
    await this.#dispatchers.close();
  }

  /** One request and its answer, repeated where that is safe and may help. */
  async #exchange(hop: Hop, signal: AbortSignal | undefined): Promise<Response> {
    const repeatable = hop.method === 'GET' || hop.method === 'HEAD';
    const route = this.#dispatchers.to(hop.url);
    const by = route.proxy === undefined ? '' : ` by the proxy ${route.proxy}`;
    const doing = `${shownUrl(hop.url)}${by}`;
    for (let attempt = 1; ; attempt++) {
      const last = !repeatable || attempt > this.#retries.attempts;
      let reason: string;
      let asked: number | undefined;
      try {
        const response = await this.#send(hop, route, signal);
        if (last || !isPassingStatus(response.status)) return response;
        reason = `the server answered ${describeStatus(response.status)}`;
        asked = retryAfter(response.headers, Date.now());
        await response.discard();
      } catch (error) {
        if (signal?.aborted === true) throw error;
        if (last || !isPassing(error)) throw transportError(doing, error);
        reason = describeFailure(error);
      }
      const delay = delayBefore(attempt, this.#retries, asked);
      this.#options.log.warn(`fetching ${doing}: ${reason}; trying again in ${inSeconds(delay)}`);
      await wait(delay, signal);
    }
  }

  async #send(hop: Hop, { dispatcher }: Route, signal: AbortSignal | undefined): Promise<Response> {
    const { statusCode, headers, body } = await dispatcher.request({
      origin: hop.url.origin,
      path: `${hop.url.pathname}${hop.url.search}`,
      method: hop.method,
      headers: this.#headers(hop),
      body: hop.body ?? null,
      ...(signal === undefined ? {} : { signal }),
    });
    return new Response(statusCode, flatten(headers), shownUrl(hop.url), body);
  }

  #headers(hop: Hop): Headers {
    const authorization = hop.mayAuthenticate ? this.#options.credentials?.authorization(hop.url.host) : undefined;
    return {
      'user-agent': `rkt/${version}`,
      // What is downloaded is hashed and verified as it comes: nobody may recode it on the way.
      'accept-encoding': 'identity',
      ...(authorization === undefined ? {} : { authorization }),
      ...hop.headers,
    };
  }
}

/** User and password of a URL that the user gave are sent as any browser does, and to that origin only. */
function firstHop(url: URL, { method = 'GET', headers = {}, body, authenticate = true }: RequestOptions): Hop {
  const named: Headers =
    url.username === '' ? {} : { authorization: basicAuthorization(decoded(url.username), decoded(url.password)) };
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return { url, method, headers: { ...named, ...Object.fromEntries(lower) }, body, mayAuthenticate: authenticate };
}

/** URL parsers leave a "%" that begins no escape as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
