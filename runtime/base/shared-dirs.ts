/**
 * Directories that members of the group `rkt` may look into without being root. They belong to the group and have the set-group-ID
 * bit, so what is made in them belongs to it too. On a host without the group they are root's alone. Only directories that
 * rkt makes get this; for those that are there already there is deploy/setup-data-dir.sh.
 */

import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from './errors.ts';
import { readOptional } from './files.ts';

/** The group that may look, as rkt documents it. */
export const sharedGroup = 'rkt';

/** The id of a group in the text of an /etc/group file (group(5)). */
export function groupIdIn(text: string, name: string): number | undefined {
  for (const line of text.split('\n')) {
    const [group, , id] = line.split(':');
    if (group === name && id !== undefined && /^\d{1,10}$/.test(id)) return Number(id);
  }
  return undefined;
}

function sharedGroupId(): number | undefined {
  return groupIdIn(readOptional('/etc/group') ?? '', sharedGroup);
}

/** Makes a directory and those above it, all of them shared, down from `top`, which is the data directory. */
export function makeSharedDir(top: string, path: string): void {
  if (makeMissing(path, path.startsWith(top) ? 0o750 : 0o755, () => makeSharedDir(top, dirname(path)))) {
    if (path.startsWith(top)) share(path);
  }
}

/**
 * How directories of apps' files are made, setuid programs among them, in a directory that members of the group may look into:
 * they may not look further.
 */
export const privateTree = { recursive: true, mode: 0o700 } as const;

/** Makes a directory that is root's alone, whoever owns the one above it. That one must be there. */
export function makePrivateDir(path: string): void {
  if (!makeMissing(path, 0o700)) return;
  chownSync(path, process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
  // Without the set-group-ID bit that it may have from above.
  chmodSync(path, 0o700);
}

/** False where it is there. node's own recursive mkdir reports ENOENT for a read-only file system. */
function makeMissing(path: string, mode: number, makeParent?: () => void): boolean {
  try {
    mkdirSync(path, { mode });
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    if (errnoOf(error) !== 'ENOENT' || makeParent === undefined) throw error;
  }
  makeParent();
  return makeMissing(path, mode);
}

function share(path: string): void {
  const group = process.geteuid?.() === 0 ? sharedGroupId() : undefined;
  if (group === undefined) return;
  chownSync(path, 0, group);
  chmodSync(path, 0o2750);
}
