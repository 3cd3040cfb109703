/**
 * The files of an app's log: `logs/APP.log`, which is written to, and those put aside, `APP.log.1` being the newest of them. They are
 * found while others are put aside, each of which raises the numbers of all, so nothing is believed that a number said before.
 */

import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { errnoOf } from '../../base/errors.ts';
import { podFiles } from '../../base/paths.ts';

export interface LogFile {
  readonly fd: number;
  /** Tells a file apart as long as it is open. */
  readonly inode: bigint;
  /** What it had when it was opened; it only grows. */
  readonly number: number;
}

function open(podDir: string, app: string, number: number): LogFile | undefined {
  try {
    const fd = openSync(podFiles.log(podDir, app, number), 'r');
    return { fd, inode: fstatSync(fd, { bigint: true }).ino, number };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const inodeAt = (podDir: string, app: string, number: number): bigint | undefined =>
  statSync(podFiles.log(podDir, app, number), { bigint: true, throwIfNoEntry: false })?.ino;

/**
 * The highest number of a file that was put aside; 0 where there is none. By asking for one after the other: what readdir(3) says while
 * files are renamed may lack some. One is missing for a moment while they are; after two there is no more.
 */
function highest(podDir: string, app: string, from = 0): number {
  let last = from;
  for (let at = from; at <= last + 2; at++) if (inodeAt(podDir, app, at) !== undefined) last = at;
  return last;
}

/** The first that there is from a number down. */
function openBelow(podDir: string, app: string, number: number): LogFile | undefined {
  for (let at = number; at >= 0; at--) {
    const file = open(podDir, app, at);
    if (file !== undefined) return file;
  }
  return undefined;
}

function openOldest(podDir: string, app: string): LogFile | undefined {
  for (;;) {
    const last = highest(podDir, app);
    const file = openBelow(podDir, app, last);
    if (highest(podDir, app, last) <= last) return file;
    if (file !== undefined) closeSync(file.fd);
  }
}

/** So often a file is looked for that may have been renamed past us. */
const searches = 5;

/** The number that a file has now, which is not below the one that it had; undefined where it is gone. */
function numberNow(
  podDir: string,
  app: string,
  { inode, number }: Pick<LogFile, 'inode' | 'number'>,
): number | undefined {
  for (let search = 0; search < searches; search++) {
    for (let at = number, missing = 0; missing < 2; at++) {
      const found = inodeAt(podDir, app, at);
      if (found === inode) return at;
      missing = found === undefined ? missing + 1 : 0;
    }
  }
  return undefined;
}

/** Whether there is no file from one number up to another. */
function isMissing(podDir: string, app: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (inodeAt(podDir, app, at) !== undefined) return false;
  return true;
}

export type Successor = { readonly file: LogFile | undefined; readonly isLost: boolean };

/**
 * The file that came after this one, which may not be there yet. `isLost`: this one is gone, and how many with it cannot be told;
 * the file is the oldest that there is.
 */
export function openSuccessor(podDir: string, app: string, before: Pick<LogFile, 'inode' | 'number'>): Successor {
  for (;;) {
    const number = numberNow(podDir, app, before);
    if (number === undefined) return { file: openOldest(podDir, app), isLost: true };
    const file = number === 0 ? undefined : openBelow(podDir, app, number - 1);
    // As it has stayed where it was, and nothing has come in between, this was the next one below it.
    const isNext = file === undefined || isMissing(podDir, app, file.number + 1, number);
    if (isNext && inodeAt(podDir, app, number) === before.inode) return { file, isLost: false };
    if (file !== undefined) closeSync(file.fd);
  }
}

/** All files, the oldest first, or all after one. */
export function openLogFiles(podDir: string, app: string): LogFile[] {
  const files: LogFile[] = [];
  for (let file = openOldest(podDir, app); file !== undefined; ) {
    files.push(file);
    const next = openSuccessor(podDir, app, file).file;
    if (next !== undefined && files.some(({ inode }) => inode === next.inode)) {
      closeSync(next.fd);
      break;
    }
    file = next;
  }
  return files;
}

/** Whether this is the file that is written to. What is read up to its end after it is not any more is all there is in it. */
export function isWrittenTo(podDir: string, app: string, { inode }: LogFile): boolean {
  const now = inodeAt(podDir, app, 0);
  return now === undefined || now === inode;
}
