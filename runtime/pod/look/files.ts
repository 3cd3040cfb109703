/** Small files of /proc and of control groups, which may go away while they are read. */

import { closeSync, openSync, readSync } from 'node:fs';
import { errnoOf } from '../../base/errors.ts';

/** More than any file that is read whole; command lines, which have no bound, are cut here. */
const most = 64 * 1024;
const buffer = Buffer.allocUnsafe(most);

/** A process or a group that has ended, or a file that this kernel does not have. */
const gone = new Set(['ENOENT', 'ESRCH', 'ENODEV', 'EACCES', 'EOPNOTSUPP']);

/** The text of a file; undefined where it cannot be had. */
export function readText(file: string, limit = most): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    let length = 0;
    for (let got = -1; got !== 0 && length < limit; length += got)
      got = readSync(fd, buffer, length, limit - length, null);
    return buffer.toString('utf8', 0, length);
  } catch (error) {
    if (gone.has(errnoOf(error) ?? '')) return undefined;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** A number that stands alone in a file; undefined for "max" as well, which is the absence of a bound. */
export function readNumber(file: string): number | undefined {
  const text = readText(file)?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** `KEY VALUE` per line. */
export function readKeys(file: string): ReadonlyMap<string, number> {
  const lines = readText(file)?.split('\n') ?? [];
  return new Map(
    lines.map((line): [string, number] => {
      const [key = '', value = ''] = line.split(' ');
      return [key, Number(value)];
    }),
  );
}
