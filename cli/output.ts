/** Writing to the standard streams, whole and at once: a descriptor may be a full pipe or a slow terminal. */

import { writeSync } from 'node:fs';
import { errnoOf } from '../runtime/base/errors.ts';

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Writes everything. A reader that went away (EPIPE) ends the output, not the program: false. */
export function writeAll(fd: number, text: string | Uint8Array): boolean {
  let rest = typeof text === 'string' ? Buffer.from(text) : text;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'EPIPE' || code === 'EBADF') return false;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
  return true;
}
