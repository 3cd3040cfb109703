/** Where commands put what they take out of the store: whole or not at all, and over nothing that exists unless asked. */

import { closeSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { removeTree } from '../../../native/fs.ts';
import { native } from '../../../native/index.ts';
import { isRktError, messageOf, RktError } from '../../base/errors.ts';
import { openOptional } from '../../base/files.ts';
import { randomBytes } from '../../base/random.ts';

export interface OutputOptions {
  /** Replace what is there. */
  readonly overwrite: boolean;
}

function fail(output: string, reason: string, hint?: string): never {
  throw new RktError(`cannot write ${output}: ${reason}`, { code: 'EOUTPUT', ...(hint === undefined ? {} : { hint }) });
}

function checkFree(output: string, { overwrite }: OutputOptions): void {
  // What these name cannot be replaced, and nobody means to remove what is in it.
  if (['', '.', '..'].includes(basename(output))) fail(output, 'it is no name for something new');
  if (overwrite || lstatSync(output, { throwIfNoEntry: false }) === undefined) return;
  fail(output, 'it exists', 'give another name, or --overwrite');
}

/**
 * Makes something by `make` in a directory beside `output`, renames it, and returns what `make` did. Errors: EOUTPUT; those of `make`,
 * after which nothing is left behind. What others have left who were killed on the way to the same output is removed.
 */
export async function writeOutput<T>(
  output: string,
  options: OutputOptions,
  make: (unfinished: string) => T | Promise<T>,
): Promise<T> {
  checkFree(output, options);
  let unfinished = output;
  let place: Place | undefined;
  try {
    removeAbandoned(output);
    place = makePlace(output);
    unfinished = join(place.dir, unfinishedName);
    const made = await make(unfinished);
    checkFree(output, options);
    replace(unfinished, output, place.dir);
    return made;
  } catch (error) {
    if (!isRktError(error)) fail(output, messageOf(error).replaceAll(unfinished, output));
    // The user knows the file by its own name only.
    error.message = error.message.replaceAll(unfinished, output);
    throw error;
  } finally {
    if (place !== undefined) removePlace(place);
  }
}

/** A directory for something unfinished, whose lock says that somebody is at it. */
interface Place {
  readonly dir: string;
  readonly lock: number;
}

const placePrefix = (output: string): string => `${basename(output)}.unfinished-`;
/** In it: what is made (with more behind the name, by whoever makes it in steps), and the directory in whose place it has come. */
const unfinishedName = 'unfinished';
const replacedName = 'replaced';

function makePlace(output: string): Place {
  for (;;) {
    const dir = join(dirname(output), `${placePrefix(output)}${randomBytes(4).toString('hex')}`);
    mkdirSync(dir, { mode: 0o700 });
    const lock = lockPlace(dir);
    // Somebody else may have taken it for abandoned before it was locked.
    if (lock !== undefined) return { dir, lock };
  }
}

/** A descriptor that holds the lock of a directory; undefined where it is somebody else's, or gone. */
function lockPlace(dir: string): number | undefined {
  const lock = openOptional(dir);
  if (lock === undefined) return undefined;
  if (native.flock(lock, 'exclusive', true) && existsSync(dir)) return lock;
  closeSync(lock);
  return undefined;
}

function removePlace({ dir, lock }: Place): void {
  removeTree(dir);
  closeSync(lock);
}

function removeAbandoned(output: string): void {
  const prefix = placePrefix(output);
  const names = readdirSync(dirname(output)).filter((name) => name.startsWith(prefix));
  for (const name of names.filter((one) => /^[0-9a-f]{8}$/.test(one.slice(prefix.length)))) {
    const dir = join(dirname(output), name);
    const lock = isPlace(dir) ? lockPlace(dir) : undefined;
    if (lock !== undefined) removePlace({ dir, lock });
  }
}

/** Nothing that somebody else has made, or has put something into; nor one whose maker was killed between the two steps of a replacement. */
function isPlace(dir: string): boolean {
  const stat = lstatSync(dir, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isDirectory() || stat.uid !== process.geteuid?.() || (stat.mode & 0o7777) !== 0o700)
    return false;
  const names = readdirSync(dir);
  return names.every((name) => name.startsWith(unfinishedName)) || (names.length === 1 && names[0] === replacedName);
}

/**
 * In one step where rename(2) can: it replaces no directory that has something in it, so one is moved to `dir` first, from where it is
 * removed later. A file never takes the place of a directory.
 */
function replace(unfinished: string, output: string, dir: string): void {
  const there = lstatSync(output, { throwIfNoEntry: false });
  if (there === undefined || !lstatSync(unfinished).isDirectory()) {
    if (there?.isDirectory() === true) fail(output, 'it is a directory');
    renameSync(unfinished, output);
    return;
  }
  const replaced = join(dir, replacedName);
  renameSync(output, replaced);
  try {
    renameSync(unfinished, output);
  } catch (error) {
    renameSync(replaced, output);
    throw error;
  }
}

/** A directory with mode 0755 that did not exist. */
export function makeDirectory(path: string): void {
  if (existsSync(path)) fail(path, 'it exists');
  mkdirSync(path, { mode: 0o755 });
}
