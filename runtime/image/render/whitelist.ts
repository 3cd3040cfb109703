/** What path whitelists leave of a tree (aci.md, pathWhitelist; ace.md, Filesystem Setup). */

import { closeSync, constants, lstatSync, openSync } from 'node:fs';
import { openDirectory } from '../../../native/fs.ts';
import { errnoOf } from '../../base/errors.ts';

/** The path as a relative byte string without empty or `.` components; undefined where it leads up. */
function normal(path: string): string | undefined {
  const parts = Buffer.from(path)
    .toString('latin1')
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  return parts.includes('..') ? undefined : parts.join('/');
}

/** Whether the tree of `root` has `path` itself, not by way of a link. */
function exists(root: number, path: string): boolean {
  const end = path.lastIndexOf('/');
  let directory: number;
  try {
    directory = openDirectory(root, end < 0 ? '.' : Buffer.from(path.slice(0, end), 'latin1'));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
  try {
    const name = Buffer.concat([
      Buffer.from(`/proc/self/fd/${directory}/`),
      Buffer.from(path.slice(end + 1), 'latin1'),
    ]);
    return lstatSync(name, { throwIfNoEntry: false }) !== undefined;
  } finally {
    closeSync(directory);
  }
}

/**
 * The paths of the tree at `root` that all of `whitelists` name, and the directories that lead to them; undefined without
 * whitelists: everything. A directory that is named comes without its content: the list is "complete and absolute".
 */
export function visiblePaths(root: string, whitelists: readonly (readonly string[])[]): Set<string> | undefined {
  const [first, ...others] = whitelists.map((list) => new Set(list.flatMap((path) => normal(path) ?? [])));
  if (first === undefined) return undefined;
  const rootFd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  const visible = new Set<string>();
  try {
    for (const path of first) {
      if (!others.every((list) => list.has(path)) || !exists(rootFd, path)) continue;
      for (let at = path; at !== '' && !visible.has(at); at = at.slice(0, Math.max(at.lastIndexOf('/'), 0))) {
        visible.add(at);
      }
    }
  } finally {
    closeSync(rootFd);
  }
  return visible;
}
