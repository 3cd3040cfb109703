/** Whether the pod that a lease belongs to still lives. */

import { closeSync, openSync } from 'node:fs';
import { native } from '../native/index.ts';
import type { Lease } from './leases.ts';

/**
 * A pod lives while its directory is locked (docs/pod-lifecycle.md). The lease says which directory that is, as the addresses of a
 * host are shared by all data directories. False only where the directory is there and nobody has it locked: of a pod whose directory
 * is unknown, gone or unreadable nothing is known, and its address is not given to another.
 */
export function mayLive({ dir }: Lease): boolean {
  if (dir === undefined) return true;
  let fd: number;
  try {
    fd = openSync(dir, 'r');
  } catch {
    return true;
  }
  try {
    return !native.flock(fd, 'shared', true);
  } finally {
    closeSync(fd);
  }
}
