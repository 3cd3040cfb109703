/** Changes of the local key directory. Readers see a file before or after, never in between. */

import { chmodSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { errnoOf, messageOf, type RktError } from '../../base/errors.ts';
import { syncDirectory, writeDurable } from '../durable.ts';
import { keyError } from './errors.ts';

/** Writes the file of a key, mode 0644; directories that are missing get mode 0755. Returns its path. Errors: EKEY. */
export function writeKey(dir: string, fingerprint: string, content: string): string {
  const path = `${dir}/${fingerprint}`;
  const unfinished = `${dir}/.${fingerprint}.${process.pid}`;
  try {
    makeDirs(dir);
    rmSync(unfinished, { force: true });
    writeDurable(unfinished, content);
    chmodSync(unfinished, 0o644);
    renameSync(unfinished, path);
    syncDirectory(dir);
  } catch (cause) {
    throw failure(`writing trusted key ${path}`, cause);
  }
  return path;
}

/** Removes the file of a key and returns its path. Errors: EKEY. */
export function removeKey(dir: string, fingerprint: string): string {
  const path = `${dir}/${fingerprint}`;
  try {
    rmSync(path);
    syncDirectory(dir);
  } catch (cause) {
    throw failure(`removing trusted key ${path}`, cause);
  }
  return path;
}

/** Whatever the umask is: others must be able to read keys. */
function makeDirs(dir: string): void {
  const first = mkdirSync(dir, { recursive: true, mode: 0o755 });
  if (first === undefined) return;
  for (let made = dir; made.length >= first.length; made = made.slice(0, made.lastIndexOf('/'))) chmodSync(made, 0o755);
}

function failure(doing: string, cause: unknown): RktError {
  const denied = errnoOf(cause) === 'EACCES' || errnoOf(cause) === 'EPERM';
  return keyError(
    `${doing}: ${messageOf(cause)}`,
    denied ? 'run rkt as root, or as a member of group rkt-admin' : undefined,
    cause,
  );
}
