/** Reading the entries of one log file: forwards from a position, and backwards from its end. */

import { fstatSync, readSync } from 'node:fs';
import { type Entry, parseEntry } from './entry.ts';

const newline = 0x0a;

/** Several times the longest entry, which has 16 KiB of text. */
const blockSize = 256 * 1024;

/** Told how many bytes of a file made no sense. */
export type OnDamage = (bytes: number) => void;

/**
 * The entries from `offset` on, up to what there is now; returns the offset after the last of them. An entry is good until the next
 * is asked for.
 */
export function* entriesFrom(fd: number, offset: number, onDamage: OnDamage): Generator<Entry, number> {
  const block = Buffer.allocUnsafe(blockSize);
  for (let position = offset; ; ) {
    const length = readSync(fd, block, 0, blockSize, position);
    let start = 0;
    for (let end = block.indexOf(newline); end >= 0 && end < length; end = block.indexOf(newline, start)) {
      const entry = parseEntry(block, start, end);
      if (entry === undefined) onDamage(end + 1 - start);
      else yield entry;
      start = end + 1;
    }
    if (start === 0 && length === blockSize) {
      onDamage(length);
      start = length;
    }
    position += start;
    if (start === 0) return position;
  }
}

/** Where the last entry ends that is whole: one may be in the middle of being written. */
export function endOfEntries(fd: number): number {
  const block = Buffer.allocUnsafe(blockSize);
  const { size } = fstatSync(fd);
  const start = Math.max(0, size - blockSize);
  const length = readSync(fd, block, 0, size - start, start);
  const end = block.subarray(0, length).lastIndexOf(newline);
  return end < 0 ? size : start + end + 1;
}

/** The entries before `end`, the last one first. */
export function* entriesBefore(fd: number, end: number, onDamage: OnDamage): Generator<Entry> {
  let position = end;
  let rest: Buffer = Buffer.alloc(0);
  while (position > 0) {
    const length = Math.min(blockSize, position);
    position -= length;
    const block = Buffer.allocUnsafe(length + rest.length);
    readSync(fd, block, 0, length, position);
    rest.copy(block, length);
    let stop = block.length;
    for (let at = stop >= 2 ? block.lastIndexOf(newline, stop - 2) : -1; at >= 0; ) {
      const entry = parseEntry(block, at + 1, stop - 1);
      if (entry === undefined) onDamage(stop - at - 1);
      else yield entry;
      stop = at + 1;
      at = stop >= 2 ? block.lastIndexOf(newline, stop - 2) : -1;
    }
    rest = block.subarray(0, stop);
    if (rest.length > blockSize) {
      onDamage(rest.length);
      rest = Buffer.alloc(0);
    }
  }
  if (rest.length === 0) return;
  const first = parseEntry(rest, 0, rest.length - 1);
  if (first === undefined) onDamage(rest.length);
  else yield first;
}
