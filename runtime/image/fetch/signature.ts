/** Getting hold of the detached signature of an image. */

import { readFileSync, statSync } from 'node:fs';
import { errnoOf, messageOf, RktError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { delayBefore, retryAfter, wait } from '../http/backoff.ts';
import { describeStatus } from '../http/errors.ts';
import { withoutPassword } from '../http/redirect.ts';
import type { HttpClient } from '../http/types.ts';
import type { Progress } from '../progress.ts';

/** Bytes of a signature file; one with a signature by each of ten keys has about 8 KiB. */
const maxSignatureBytes = 1024 * 1024;

/** How long a server may take that makes signatures only when they are asked for (202). */
const deferral = { attempts: 8, delay: 1000, maxDelay: 30_000 };

const unsigned = (image: string, reason: string): RktError =>
  new RktError(`image ${image}: its signature cannot be verified: ${reason}`, {
    code: 'EVERIFY',
    hint: 'name a file with its signature by --signature, or switch verification off: --insecure-options=image',
  });

/** Where the signature of `https://host/app.aci` is: `https://host/app.aci.asc` (rkt's fetch). */
export function signatureUrl(aciUrl: string): string {
  const url = new URL(aciUrl);
  url.pathname = `${url.pathname.replace(/\.aci$/, '')}.aci.asc`;
  return url.href;
}

/** A signature in a file that the user named. Errors: EVERIFY. */
export function readSignature(file: string, image: string): Buffer {
  let bytes: Buffer;
  try {
    if (statSync(file).size > maxSignatureBytes) throw new Error(`it has more than ${maxSignatureBytes} bytes`);
    bytes = readFileSync(file);
  } catch (error) {
    const reason = errnoOf(error) === 'ENOENT' ? 'there is no such file' : messageOf(error);
    throw unsigned(image, `cannot read ${file}: ${reason}`);
  }
  return bytes;
}

/** Nobody shall believe that a signature was verified which nobody has read: `file` is what the user named, if anything. */
export function warnUnread({ log }: { readonly log: Log }, image: string, file: string | undefined): void {
  if (file === undefined) return;
  log.warn(`image ${image} was not verified by --signature=${file}: only archives that are fetched now are`);
}

export interface DownloadSignature {
  readonly client: HttpClient;
  readonly url: string;
  /** What errors call the image. */
  readonly image: string;
  readonly progress: Progress;
  readonly log: Log;
  /** Milliseconds between questions for a deferred signature; for tests. */
  readonly deferral?: typeof deferral;
}

/**
 * Downloads a signature. A server that answers 202 has none yet and is asked again, after as long as it says.
 * Errors: EVERIFY where it has none; those of the client.
 */
export async function downloadSignature(options: DownloadSignature): Promise<Buffer> {
  const { client, url, image, progress, log, deferral: patience = deferral } = options;
  progress.line(`Downloading signature from ${withoutPassword(url)}`);
  for (let attempt = 1; ; attempt++) {
    const response = await client.request(url);
    if (response.status === 200) return await response.bytes(maxSignatureBytes);
    await response.discard();
    if (response.status !== 202) {
      throw unsigned(image, `${response.url} is not there, the server answered ${describeStatus(response.status)}`);
    }
    if (attempt > patience.attempts) throw unsigned(image, `the server at ${response.url} has not made it yet`);
    const delay = delayBefore(attempt, patience, retryAfter(response.headers, Date.now()));
    log.info('the server has deferred the signature; asking again');
    await wait(delay, undefined);
  }
}
