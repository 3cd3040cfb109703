/**
 * Leases on disk: a file per address, named by it, holding `UUID KIND "DIRECTORY"` and a newline, the pod's directory as a JSON string.
 * The leases are on a file system that does not survive a boot, as the links do not either.
 *
 * `lock` in the same directory is locked with flock(2) around every change. It holds the address given last and, for each address of
 * the pool, the pod that it was given to last.
 * A lease may be removed without the lock (the pod's monitor does so at the end of a pod).
 */

import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { native } from '../native/index.ts';
import { errnoOf, messageOf, RktError } from '../runtime/base/errors.ts';
import type { Lease, LeaseStore, LeaseTable } from './leases.ts';

const leasePattern = /^([0-9a-f-]{36}) (default|default-restricted)(?: ("\/.*"))?\n$/;
const addressPattern = /^\d{1,3}(\.\d{1,3}){3}$/;

/** The first bytes of the lock file: the longest address. */
const hintLength = 15;

/** After it, for each number of the last byte of an address: a line with a uuid. */
const holderLength = 37;
const holderPattern = /^[0-9a-f-]{36}\n$/;
const holderOffset = (ip: string): number => hintLength + 1 + holderLength * Number(ip.slice(ip.lastIndexOf('.') + 1));

/** Where the lease of an address is. */
export const leaseFile = (leaseDir: string, ip: string): string => join(leaseDir, ip);

export function fileLeases(leaseDir: string): LeaseStore {
  return {
    locked(work) {
      const fd = openLock(leaseDir);
      try {
        native.flock(fd, 'exclusive', false);
        return work(openTable(leaseDir, fd));
      } finally {
        closeSync(fd); // releases the lock
      }
    },
  };
}

/** Opens the lock file, making the directory where it is missing: usually it is there. */
function openLock(leaseDir: string): number {
  const path = join(leaseDir, 'lock');
  const flags = 0o2 | 0o100; // O_RDWR | O_CREAT
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw unusable(leaseDir, error);
  }
  try {
    mkdirSync(leaseDir, { recursive: true, mode: 0o700 });
    return openSync(path, flags, 0o600);
  } catch (error) {
    throw unusable(leaseDir, error);
  }
}

function unusable(leaseDir: string, error: unknown): RktError {
  return new RktError(`cannot use the address leases in ${leaseDir}: ${messageOf(error)}`, {
    code: 'ELEASE',
    cause: error,
  });
}

function openTable(leaseDir: string, lockFd: number): LeaseTable {
  return {
    list: () =>
      readdirSync(leaseDir)
        .filter((name) => addressPattern.test(name))
        .flatMap((ip) => read(leaseDir, ip)),
    add: (lease) => add(leaseDir, lockFd, lease),
    remove: (ip) => remove(leaseDir, ip),
    holder(ip) {
      const buffer = Buffer.alloc(holderLength);
      const text = buffer.toString('latin1', 0, readSync(lockFd, buffer, 0, holderLength, holderOffset(ip)));
      return holderPattern.test(text) ? text.trimEnd() : undefined;
    },
    get last() {
      const buffer = Buffer.alloc(hintLength);
      const text = buffer.toString('latin1', 0, readSync(lockFd, buffer, 0, hintLength, 0)).trimEnd();
      return addressPattern.test(text) ? text : undefined;
    },
    setLast(ip) {
      // Always the same length: truncating costs more than all the rest on some file systems.
      writeSync(lockFd, ip.padEnd(hintLength), 0);
    },
  };
}

/** The lease in a file, as a list of one; none where it has just been removed, or was never finished. */
function read(leaseDir: string, ip: string): Lease[] {
  let text: string;
  try {
    text = readFileSync(leaseFile(leaseDir, ip), 'utf8'); // node has a short way for this encoding: 8 µs
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw unusable(leaseDir, error);
  }
  const [, uuid, kind, dir] = leasePattern.exec(text) ?? [];
  if (uuid !== undefined && (kind === 'default' || kind === 'default-restricted')) {
    return [dir === undefined ? { ip, uuid, kind } : { ip, uuid, kind, dir: directoryOf(dir) }];
  }
  // Leases are written under the lock that we hold, so whoever began this one was killed. No link was made yet.
  remove(leaseDir, ip);
  return [];
}

/** Undefined for what is no JSON: of that pod it is then unknown whether it lives. */
function directoryOf(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}

function add(leaseDir: string, lockFd: number, lease: Lease): boolean {
  let fd: number;
  try {
    fd = openSync(leaseFile(leaseDir, lease.ip), 'wx', 0o600);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw unusable(leaseDir, error);
  }
  try {
    // First, so that whoever is killed in between has noted what it may have made.
    writeSync(lockFd, `${lease.uuid}\n`, holderOffset(lease.ip));
    writeSync(fd, `${lease.uuid} ${lease.kind}${lease.dir === undefined ? '' : ` ${JSON.stringify(lease.dir)}`}\n`);
    return true;
  } catch (error) {
    remove(leaseDir, lease.ip); // no space: the file would be taken for one that a crash left
    throw unusable(leaseDir, error);
  } finally {
    closeSync(fd);
  }
}

function remove(leaseDir: string, ip: string): void {
  try {
    unlinkSync(leaseFile(leaseDir, ip));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw unusable(leaseDir, error);
  }
}
