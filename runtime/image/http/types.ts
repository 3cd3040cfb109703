/** What the HTTP client takes and gives. No code: importing this loads nothing. */

import type { Log } from '../../base/log.ts';
import type { Progress } from '../progress.ts';
import type { Credentials } from './credentials.ts';

/** Header names are lower case; a header that came several times is joined by ", ". */
export type Headers = Readonly<Record<string, string>>;

export interface HttpOptions {
  /** Checks that the user switched off: plain HTTP is allowed; certificates are not verified. */
  readonly insecure: { readonly http: boolean; readonly tls: boolean };
  /** What `auth.d` says, applied by host; undefined: requests carry only the headers they are given. */
  readonly credentials?: Credentials | undefined;
  readonly log: Log;
  /** Proxies (HTTPS_PROXY, HTTP_PROXY, NO_PROXY) and SSL_CERT_FILE are read from it. Default: process.env. */
  readonly env?: NodeJS.ProcessEnv;
  readonly timeouts?: Partial<Timeouts>;
  readonly retries?: Partial<Retries>;
}

/** Milliseconds. */
export interface Timeouts {
  /** Until a connection stands, TLS included. */
  readonly connect: number;
  /** Until the head of an answer is there. */
  readonly headers: number;
  /** Between two pieces of a body. */
  readonly body: number;
}

export interface Retries {
  /** How often one request is sent again. A download that got further in between starts counting anew. */
  readonly attempts: number;
  /** Milliseconds before the first repetition; doubled each time, with jitter. */
  readonly delay: number;
  /** Milliseconds that are waited at most, whatever Retry-After says. */
  readonly maxDelay: number;
}

export interface RequestOptions {
  /** Default GET. Only GET and HEAD are ever repeated. */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Sent with the first request; `authorization` and `cookie` are dropped when a redirect leads to another origin. */
  readonly headers?: Headers;
  readonly body?: string | Uint8Array;
  /** Default true. False: nothing of `auth.d` is added, for a place that a stranger named. */
  readonly authenticate?: boolean;
  readonly signal?: AbortSignal;
  /** Default 10. 0: the 3xx itself is the answer. */
  readonly maxRedirects?: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  /** Where the answer came from, after redirects. */
  readonly url: string;
  /** The body; ends with an error where it is cut short. Must be read, or given up by {@link discard}. */
  readonly body: AsyncIterable<Buffer>;
  /** The whole body. Throws ETOOBIG where it has more than `maxBytes`. */
  bytes(maxBytes: number): Promise<Buffer>;
  /** The whole body as UTF-8. */
  text(maxBytes: number): Promise<string>;
  /** Gives the body up. */
  discard(): Promise<void>;
}

/** Where a download goes. Calls never overlap. */
export interface Sink {
  /** The next bytes, in order. The chunk may be kept. */
  write(chunk: Buffer): void | Promise<void>;
  /** What was written is to be forgotten: the file on the server changed, or it cannot resume. May throw to end the download. */
  restart(): void | Promise<void>;
}

/** An answer without its body. */
export interface Refusal {
  readonly status: number;
  readonly headers: Headers;
  /** Where the answer came from, after redirects. */
  readonly url: string;
}

/** How a server is asked for something that only some may read: what proves it may run out while a download lasts. */
export interface Access {
  /** For the next request. */
  readonly headers: Headers;
  /** Takes a 401; the request is sent again with the {@link headers} of then. What it throws ends the download. */
  answer(refusal: Refusal): Promise<void>;
}

export interface DownloadOptions {
  readonly headers?: Headers;
  /** Default: a 401 is an answer like any other. */
  readonly access?: Access;
  readonly signal?: AbortSignal;
  readonly maxRedirects?: number;
  /** More is refused (ETOOBIG), by Content-Length before anything is read. */
  readonly maxBytes: number;
  /** Exactly so many bytes, where known (a registry's descriptor): anything else is refused (ELENGTH). */
  readonly expectedBytes?: number;
  /** Shows the transfer: `{ to: progress, label: 'Downloading aci' }`. */
  readonly progress?: { readonly to: Progress; readonly label: string };
  /**
   * Asked by status other than 200: true where it is an answer that the caller deals with (304, 202, 401); its body is
   * dropped. Everything else is thrown as HttpError. Default: none.
   */
  readonly accept?: (status: number) => boolean;
}

export interface DownloadResult {
  /** 200, or one that `accept` took; nothing was written then. */
  readonly status: number;
  readonly headers: Headers;
  readonly url: string;
  /** Bytes written to the sink. */
  readonly bytes: number;
}

/** One per command; load by `await import('…/http/client.ts')` so that `rkt run` of a stored image never loads undici. */
export interface HttpClient {
  /**
   * Sends a request, follows redirects (never from https to http unless plain HTTP is allowed), repeats GET and HEAD on 5xx,
   * 429 and broken connections with back-off. Resolves with whatever status came at last. Errors: RktError with code EHTTP
   * (no answer), ETLS, EINSECURE (plain http where it is not allowed), EREDIRECT.
   */
  request(url: string, options?: RequestOptions): Promise<HttpResponse>;
  /** GET into a sink; resumes by Range and If-Range. Errors: those of request, HttpError by status, ETOOBIG, ELENGTH, and the sink's. */
  download(url: string, sink: Sink, options: DownloadOptions): Promise<DownloadResult>;
  /** Closes the connections. */
  close(): Promise<void>;
}
