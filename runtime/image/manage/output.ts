/** Where commands put what they take out of the store: whole or not at all, and over nothing that exists unless asked. */

import { existsSync, lstatSync, mkdirSync, renameSync } from 'node:fs';
import { removeTree } from '../../../native/fs.ts';
import { isRktError, messageOf, RktError } from '../../base/errors.ts';

export interface OutputOptions {
  /** Replace what is there. */
  readonly overwrite: boolean;
}

function fail(output: string, reason: string, hint?: string): never {
  throw new RktError(`cannot write ${output}: ${reason}`, { code: 'EOUTPUT', ...(hint === undefined ? {} : { hint }) });
}

function checkFree(output: string, { overwrite }: OutputOptions): void {
  if (overwrite || lstatSync(output, { throwIfNoEntry: false }) === undefined) return;
  fail(output, 'it exists', 'give another name, or --overwrite');
}

/**
 * Makes something by `make` under a temporary name beside `output` and renames it. Errors: EOUTPUT; those of `make`, after
 * which nothing is left behind.
 */
export async function writeOutput(
  output: string,
  options: OutputOptions,
  make: (unfinished: string) => void | Promise<void>,
): Promise<void> {
  checkFree(output, options);
  const unfinished = `${output}.unfinished-${process.pid}`;
  try {
    await make(unfinished);
    checkFree(output, options);
    // rename(2) replaces no directory that has something in it.
    if (options.overwrite) removeTree(output);
    renameSync(unfinished, output);
  } catch (error) {
    removeTree(unfinished);
    if (!isRktError(error)) fail(output, messageOf(error));
    // The user knows the file by its own name only.
    error.message = error.message.replaceAll(unfinished, output);
    throw error;
  }
}

/** A directory with mode 0755 that did not exist. */
export function makeDirectory(path: string): void {
  if (existsSync(path)) fail(path, 'it exists');
  mkdirSync(path, { mode: 0o755 });
}
