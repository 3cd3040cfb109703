/** From image names to image ids: one directory per name, holding one empty file per id. A hint, never the truth. */

import { chmodSync, closeSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { errnoOf } from '../base/errors.ts';
import { syncDirectory } from './durable.ts';

/** Longest file name that Linux file systems take. */
const maxName = 255;

/** A file name for an image name: "/" is written as "%2F"; names that get too long by that are hashed. */
export function encodeName(name: string): string {
  const encoded = name.replaceAll('/', '%2F');
  if (encoded.length <= maxName) return encoded;
  // Loaded only for such names: it is on the way of every start of a pod (see base/random.ts).
  const { createHash } = process.getBuiltinModule('node:crypto');
  return `%${createHash('sha512').update(name).digest('hex')}`;
}

/** Ids that were imported under `name`, in no order; some may be gone. */
export function idsOfName(names: string, name: string): string[] {
  try {
    return readdirSync(`${names}/${encodeName(name)}`);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Adds an id to a name. Idempotent. */
export function addName(names: string, name: string, id: string): void {
  const directory = `${names}/${encodeName(name)}`;
  // Readable for those who may look into the directory of names, whatever the umask is.
  if (mkdirSync(directory, { recursive: true }) !== undefined) chmodSync(directory, 0o750);
  closeSync(openSync(`${directory}/${id}`, 'a', 0o640));
  syncDirectory(directory);
  syncDirectory(names);
}
