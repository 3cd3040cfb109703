/** Downloads that survive broken connections and notice when the file changes in between. */

import { RktError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Transfer } from '../progress.ts';
import { delayBefore, inSeconds, wait } from './backoff.ts';
import { describeFailure, HttpError, isPassing } from './errors.ts';
import { contentLength, tooBig } from './response.ts';
import type { DownloadOptions, DownloadResult, Headers, HttpClient, HttpResponse, Retries, Sink } from './types.ts';

interface Options extends DownloadOptions {
  readonly retries: Retries;
  readonly log: Log;
}

/**
 * What proves that two answers are parts of the same file: a strong ETag, or a Last-Modified that is old enough to be exact
 * (RFC 9110, 8.8.2.2 and 13.1.5).
 */
export function validatorOf(headers: Headers): string | undefined {
  const { etag, date } = headers;
  if (etag?.startsWith('"')) return etag;
  const modified = headers['last-modified'];
  if (modified === undefined || date === undefined) return undefined;
  return Date.parse(date) - Date.parse(modified) >= 1000 ? modified : undefined;
}

/** First byte and size of the whole, from `bytes 100-199/200`; a size of `*` is not given. */
export function parseContentRange(text: string | undefined): { start: number; total: number | undefined } | undefined {
  const match = /^bytes ([0-9]{1,15})-[0-9]{1,15}\/([0-9]{1,15}|\*)$/.exec(text ?? '');
  if (match === null) return undefined;
  return { start: Number(match[1]), total: match[2] === '*' ? undefined : Number(match[2]) };
}

const wrongLength = (url: string, is: number, expected: number): RktError =>
  new RktError(`fetching ${url}: the server sent ${is} bytes, ${expected} were expected`, { code: 'ELENGTH' });

class Download {
  readonly #client: HttpClient;
  readonly #url: string;
  readonly #sink: Sink;
  readonly #options: Options;
  #transfer: Transfer | undefined;
  /** Bytes in the sink. */
  #written = 0;
  /** Size of the file, where the server said it. */
  #total: number | undefined;
  #validator: string | undefined;
  /** How far the download was when a 401 was answered last. */
  #authorizedAt: number | undefined;

  constructor(client: HttpClient, url: string, sink: Sink, options: Options) {
    this.#client = client;
    this.#url = url;
    this.#sink = sink;
    this.#options = options;
  }

  async run(): Promise<DownloadResult> {
    const { retries, accept } = this.#options;
    let furthest = 0;
    try {
      for (let attempt = 1; ; attempt++) {
        // The client repeats requests by itself; what is repeated here is what broke off in the middle.
        const response = await this.#ask();
        const { status, headers, url } = response;
        if (status !== 200 && status !== 206) {
          await response.discard();
          if (await this.#isAuthorizedNow(response)) continue;
          if (accept?.(status) !== true) throw new HttpError(url, status, headers);
          return { status, headers, url, bytes: 0 };
        }
        try {
          await this.#receive(response);
          return { status: 200, headers, url, bytes: this.#written };
        } catch (error) {
          if (this.#written > furthest) [furthest, attempt] = [this.#written, 1];
          if (attempt > retries.attempts || !isPassing(error)) throw error;
          await this.#pause(attempt, error);
        }
      }
    } finally {
      this.#transfer?.end();
    }
  }

  /** Answers a 401 once for every stretch of the file: what does not help is not repeated. */
  async #isAuthorizedNow({ status, headers, url }: HttpResponse): Promise<boolean> {
    const { access } = this.#options;
    if (status !== 401 || access === undefined || this.#authorizedAt === this.#written) return false;
    this.#authorizedAt = this.#written;
    await access.answer({ status, headers, url });
    return true;
  }

  async #pause(attempt: number, error: unknown): Promise<void> {
    const { retries, signal, log } = this.#options;
    const delay = delayBefore(attempt, retries, undefined);
    const reason = `${describeFailure(error)} after ${this.#written} bytes`;
    log.warn(`fetching ${this.#url}: ${reason}; trying again in ${inSeconds(delay)}`);
    await wait(delay, signal);
  }

  /** Asks for what is missing. The answer is 200 with everything, 206 with the rest, or something else. */
  async #ask(): Promise<HttpResponse> {
    const resuming = this.#written > 0 && this.#validator !== undefined;
    if (!resuming) return await this.#start(await this.#request({}));
    const range = { range: `bytes=${this.#written}-`, 'if-range': this.#validator as string };
    const response = await this.#request(range);
    if (response.status === 206 && this.#continues(response.headers)) return response;
    if (response.status === 200) return await this.#start(response);
    if (response.status !== 206 && response.status !== 416) return response;
    // Not the file that the first part is of: all of it again.
    await response.discard();
    return await this.#start(await this.#request({}));
  }

  async #request(extra: Headers): Promise<HttpResponse> {
    const { headers, access, signal, maxRedirects } = this.#options;
    return await this.#client.request(this.#url, {
      headers: { ...headers, ...access?.headers, ...extra },
      ...(signal === undefined ? {} : { signal }),
      ...(maxRedirects === undefined ? {} : { maxRedirects }),
    });
  }

  #continues(headers: Headers): boolean {
    const range = parseContentRange(headers['content-range']);
    return (
      range !== undefined &&
      range.start === this.#written &&
      (range.total === undefined || this.#total === undefined || range.total === this.#total) &&
      (validatorOf(headers) ?? this.#validator) === this.#validator
    );
  }

  /** The answer begins with the first byte: forgets what was there, and checks what is announced. */
  async #start(response: HttpResponse): Promise<HttpResponse> {
    if (response.status === 206) {
      await response.discard();
      throw new RktError(`fetching ${response.url}: the server sent a part of the file that was not asked for`, {
        code: 'EHTTP',
      });
    }
    if (response.status !== 200) return response;
    const { expectedBytes, maxBytes, progress } = this.#options;
    if (this.#written > 0) {
      await this.#sink.restart();
      this.#transfer?.restart();
      this.#written = 0;
    }
    this.#total = contentLength(response.headers);
    this.#validator = validatorOf(response.headers);
    const total = this.#total;
    if (total !== undefined && (total > maxBytes || (expectedBytes !== undefined && total !== expectedBytes))) {
      await response.discard();
      if (expectedBytes !== undefined && total !== expectedBytes) throw wrongLength(response.url, total, expectedBytes);
      throw tooBig(response.url, maxBytes);
    }
    this.#transfer ??= progress?.to.begin(progress.label, expectedBytes ?? total);
    return response;
  }

  async #receive(response: HttpResponse): Promise<void> {
    const { expectedBytes, maxBytes } = this.#options;
    for await (const chunk of response.body) {
      if (this.#written + chunk.length > (expectedBytes ?? maxBytes)) {
        if (expectedBytes === undefined) throw tooBig(response.url, maxBytes);
        throw new RktError(`fetching ${response.url}: the server sent more than the ${expectedBytes} bytes expected`, {
          code: 'ELENGTH',
        });
      }
      await this.#sink.write(chunk);
      this.#written += chunk.length;
      this.#transfer?.advance(chunk.length);
    }
    const expected = expectedBytes ?? this.#total;
    if (expected !== undefined && this.#written !== expected) throw wrongLength(response.url, this.#written, expected);
  }
}

/** See {@link HttpClient.download}. */
export function download(client: HttpClient, url: string, sink: Sink, options: Options): Promise<DownloadResult> {
  return new Download(client, url, sink, options).run();
}
