/**
 * Unfinished work of the store: one directory per import below `images/tmp`, locked (flock) by the process that works in it.
 * The kernel drops the lock when the process ends, however it ends, so a directory without a lock is refuse.
 */

import { closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync, unlinkSync } from 'node:fs';
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

const lockFlags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;

/** A lock that is held. */
export interface HeldLock {
  release(): void;
}

/** Takes the lock of a file; undefined where somebody has it. With `shared`, others may share it. */
export function tryLock(path: string, shared = false): HeldLock | undefined {
  const fd = openSync(path, lockFlags, 0o600);
  if (native.flock(fd, shared ? 'shared' : 'exclusive', true)) return { release: () => closeSync(fd) };
  closeSync(fd);
  return undefined;
}

/** Takes a lock whose file goes away with it; undefined where somebody has it. */
function tryPassingLock(path: string): HeldLock | undefined {
  const fd = openSync(path, lockFlags, 0o600);
  if (!native.flock(fd, 'exclusive', true)) {
    closeSync(fd);
    return undefined;
  }
  // The holder before removes the file: then another has its name by now, or will have it.
  if (fstatSync(fd).nlink === 0) {
    closeSync(fd);
    return tryPassingLock(path);
  }
  return {
    release: () => {
      unlinkSync(path);
      closeSync(fd);
    },
  };
}

/** Milliseconds between two attempts at a lock: at first, and at most. */
const firstPause = 10;
const longestPause = 200;

/**
 * Waits for the lock of a file, which is removed with it. The event loop goes on meanwhile, which is why this asks again and
 * again: what this process does for other locks must not stand still, or two processes could wait for each other.
 */
export async function waitForLock(path: string, onWait?: () => void): Promise<HeldLock> {
  for (let delay = firstPause; ; delay = Math.min(delay * 2, longestPause)) {
    const lock = tryPassingLock(path);
    if (lock !== undefined) return lock;
    if (delay === firstPause) onWait?.();
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
}
