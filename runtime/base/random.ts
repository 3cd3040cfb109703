/**
 * Random bytes from the kernel. node:crypto would do as well, but loading it takes as long as half of everything else that
 * a start of a pod loads (measured: 5 of 12 ms), and a start needs nothing else of it.
 */

import { closeSync, openSync, readSync } from 'node:fs';

/** `count` bytes of the kernel's generator (urandom(4); it never gives fewer than asked for up to 256 bytes). */
export function randomBytes(count: number): Buffer {
  const fd = openSync('/dev/urandom', 'r');
  try {
    const bytes = Buffer.alloc(count);
    for (let length = 0; length < count; ) length += readSync(fd, bytes, length, count - length, null);
    return bytes;
  } finally {
    closeSync(fd);
  }
}

/** A random UUID (RFC 4122, version 4) in canonical form. */
export function randomUuid(): string {
  const bytes = randomBytes(16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
