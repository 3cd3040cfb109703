/**
 * The note of the metadata service about its address, `ADDRESS ours` or `ADDRESS theirs`: whether it was rkt that put the address on
 * the loopback link. A service has the note locked with flock(2) while it runs, and removes it when it stops, so a note that is
 * there and not locked is what a killed service has left.
 */

import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { native } from '../native/index.ts';
import { errnoOf } from '../runtime/base/errors.ts';

export interface AddressNote {
  /** Whether the address is to be removed at the end; undefined in a note that was never finished. */
  readonly ours: boolean | undefined;
  /** Writes the note. */
  write(address: string, ours: boolean): void;
  /** Removes the note and gives the lock up. */
  remove(): void;
  /** Gives the lock up; the note stays. */
  close(): void;
}

const readWrite = 0o2;
const create = 0o100;

/**
 * Locks the note at `path`, which is made where it is missing if `make` is set. Undefined where somebody has it locked, or where
 * there is none.
 */
export function lockAddressNote(path: string, make: boolean): AddressNote | undefined {
  for (;;) {
    const fd = open(path, make);
    if (fd === undefined) return undefined;
    if (!native.flock(fd, 'exclusive', true)) {
      closeSync(fd);
      return undefined;
    }
    // Between opening and locking, the one before may have removed it; then this is nobody's note.
    if (isAt(path, fd)) return noteOf(path, fd);
    closeSync(fd);
  }
}

function open(path: string, make: boolean): number | undefined {
  try {
    return openSync(path, readWrite | (make ? create : 0), 0o600);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && !make) return undefined;
    throw error;
  }
}

function isAt(path: string, fd: number): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  const { dev, ino } = fstatSync(fd);
  return found !== undefined && found.dev === dev && found.ino === ino;
}

function noteOf(path: string, fd: number): AddressNote {
  const word = /^\S+ (ours|theirs)\n$/.exec(readFileSync(fd, 'latin1'))?.[1];
  return {
    ours: word === undefined ? undefined : word === 'ours',
    write(address, ours) {
      ftruncateSync(fd);
      writeSync(fd, `${address} ${ours ? 'ours' : 'theirs'}\n`, 0);
    },
    remove() {
      rmSync(path, { force: true });
      closeSync(fd);
    },
    close: () => closeSync(fd),
  };
}
