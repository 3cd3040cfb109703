import type { IncomingMessage } from 'node:http';
import { ServiceError } from './errors.ts';

/**
 * The whole body of a request. Rejects with `body_too_large` as soon as it is announced to be, or becomes, longer than `limit`
 * bytes, and reads no further: express's own parser would first read all of it. Rejects with `bad_request` where the
 * connection is lost.
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limit) return Promise.reject(new ServiceError('body_too_large'));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const take = (chunk: Buffer) => {
      length += chunk.length;
      if (length <= limit) {
        chunks.push(chunk);
        return;
      }
      request.off('data', take);
      request.pause();
      reject(new ServiceError('body_too_large'));
    };
    request.on('data', take);
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', () => reject(new ServiceError('bad_request')));
  });
}

/** Throws `unsupported_media_type` unless the body is of the type `type` and not compressed. */
export function requireContentType(request: IncomingMessage, type: string): void {
  const given = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  const isEncoded = request.headers['content-encoding'] !== undefined;
  if (given !== type || isEncoded) throw new ServiceError('unsupported_media_type');
}
