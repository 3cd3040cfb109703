import type { IncomingHttpHeaders } from 'node:http';
import { RktError } from '../../base/errors.ts';
import { transportError } from './errors.ts';
import type { Headers, HttpResponse } from './types.ts';

/** The body as undici gives it. */
interface RawBody extends AsyncIterable<Buffer> {
  dump(options: { limit: number }): Promise<unknown>;
  destroy(): unknown;
}

export function flatten(headers: IncomingHttpHeaders): Headers {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}

export const tooBig = (url: string, maxBytes: number): RktError =>
  new RktError(`fetching ${url}: the answer has more than ${maxBytes} bytes`, { code: 'ETOOBIG' });

/** The bytes that Content-Length promises. */
export function contentLength(headers: Headers): number | undefined {
  const text = headers['content-length'];
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Passes a body on; a connection that breaks off becomes an error that says so. */
async function* explained(raw: AsyncIterable<Buffer>, url: string): AsyncGenerator<Buffer> {
  try {
    yield* raw;
  } catch (error) {
    throw transportError(url, error);
  }
}

export class Response implements HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly url: string;
  readonly body: AsyncIterable<Buffer>;
  readonly #raw: RawBody;

  constructor(status: number, headers: Headers, url: string, raw: RawBody) {
    this.status = status;
    this.headers = headers;
    this.url = url;
    this.body = explained(raw, url);
    this.#raw = raw;
  }

  async bytes(maxBytes: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of this.body) {
      length += chunk.length;
      if (length > maxBytes) throw tooBig(this.url, maxBytes);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, length);
  }

  async text(maxBytes: number): Promise<string> {
    return (await this.bytes(maxBytes)).toString('utf8');
  }

  async discard(): Promise<void> {
    try {
      // What is short is read to its end, so that the connection can be used again.
      await this.#raw.dump({ limit: 16 * 1024 });
    } catch {
      this.#raw.destroy();
    }
  }
}
