/**
 * Unfinished work of the store: one directory per import below `images/tmp`, locked (flock) by the process that works in it.
 * The kernel drops the lock when the process ends, however it ends, so a directory without a lock is refuse.
 */

import { closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { removeTree } from '../../native/fs.ts';
import { native } from '../../native/index.ts';
import { errnoOf } from '../base/errors.ts';
import { randomBytes } from '../base/random.ts';

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Opens and locks a directory; undefined where it is locked by somebody or gone. */
function lockDirectory(path: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, directoryFlags);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  // A directory that was removed between the two calls can be locked, but has no links any more.
  if (native.flock(fd, 'exclusive', true) && fstatSync(fd).nlink > 0) return fd;
  closeSync(fd);
  return undefined;
}

/** A directory for unfinished work. */
export class Staging {
  readonly path: string;
  readonly #lock: number;

  constructor(path: string, lock: number) {
    this.path = path;
    this.#lock = lock;
  }

  static create(tmp: string): Staging {
    for (;;) {
      const path = `${tmp}/${process.pid}-${randomBytes(8).toString('hex')}`;
      mkdirSync(path, { mode: 0o700 });
      const lock = lockDirectory(path);
      // Somebody who was cleaning up took it for refuse before it was locked: try again.
      if (lock !== undefined) return new Staging(path, lock);
    }
  }

  /** Removes what is left of it. */
  remove(): void {
    try {
      removeTree(this.path);
    } finally {
      closeSync(this.#lock);
    }
  }
}

/** Removes what processes left behind that died. Returns whether there was anything. */
export function removeStale(tmp: string): boolean {
  let found = false;
  for (const name of readdirSync(tmp)) {
    const path = `${tmp}/${name}`;
    const lock = lockDirectory(path);
    if (lock === undefined) continue;
    try {
      removeTree(path);
      found = true;
    } finally {
      closeSync(lock);
    }
  }
  return found;
}

/** Runs `work` while no other process runs work under the same lock file. Waits for it; the work is a few renames. */
export function withLock<T>(path: string, work: () => T): T {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    native.flock(fd, 'exclusive', false);
    return work();
  } finally {
    closeSync(fd);
  }
}
