import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { errnoOf, messageOf } from '../../base/errors.ts';

/**
 * The content of a small file, read through `fd`. Throws an Error whose message ends a sentence where there is more than
 * `maxBytes`, or where it is no regular file.
 */
export function readDescriptor(fd: number, maxBytes: number): Uint8Array {
  if (!fstatSync(fd).isFile()) throw new Error('it is no regular file');
  const bytes = Buffer.alloc(maxBytes + 1);
  let length = 0;
  for (;;) {
    const read = readSync(fd, bytes, length, bytes.length - length, null);
    length += read;
    if (length > maxBytes) throw new Error(`it is larger than ${maxBytes >> 10} KiB`);
    if (read === 0) return bytes.subarray(0, length);
  }
}

/** The same by path; never waits for the other end of a pipe. */
export function readSmallFile(path: string, maxBytes: number): Uint8Array {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return readDescriptor(fd, maxBytes);
  } finally {
    closeSync(fd);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission is denied',
  ENXIO: 'it is no regular file',
  ELOOP: 'its symbolic links lead nowhere',
};

/** Why a file could not be read, as the end of a sentence about it. */
export const fileReason = (error: unknown): string => reasons[errnoOf(error) ?? ''] ?? messageOf(error);
