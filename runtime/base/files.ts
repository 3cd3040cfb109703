/** Files that may be missing, and files that others read while we write. */

import { openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { errnoOf } from './errors.ts';

/** Undefined where there is none: what `work` opens is missing, or is of a process that has ended. */
function unlessMissing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}

/** The text of a file; undefined where there is none. */
export const readOptional = (path: string): string | undefined => unlessMissing(() => readFileSync(path, 'utf8'));

/** The lines of a file without empty ones; none where there is no file. */
export const readLines = (path: string): string[] =>
  (readOptional(path) ?? '').split('\n').filter((line) => line !== '');

/** A descriptor for reading a file or a directory; undefined where there is none. */
export const openOptional = (path: string): number | undefined => unlessMissing(() => openSync(path, 'r'));

/** Writes a file so that whoever opens it sees all of it or what was there before. Not synced: for what a crash may undo. */
export function writeWhole(path: string, text: string | Uint8Array): void {
  const unfinished = `${path}.new`;
  writeFileSync(unfinished, text);
  renameSync(unfinished, path);
}
