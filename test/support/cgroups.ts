/** Control groups of the machine that the tests run on, whichever version it has. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const cgroupRoot = '/sys/fs/cgroup';

/** Everything is in one hierarchy (cgroup v2), as on hosts of today; otherwise controllers are in hierarchies of their own (v1). */
export const isUnified = existsSync(join(cgroupRoot, 'cgroup.controllers'));

/** Where the groups of a controller are; `unified` is the hierarchy of v2, which may have no controllers. */
export const hierarchyOf = (controller: string): string => (isUnified ? cgroupRoot : join(cgroupRoot, controller));

/** One of two, as the machine has cgroup v1 or v2. */
export const byVersion = <T>(v1: T, v2: T): T => (isUnified ? v2 : v1);

/** Groups that have rkt in their names, at the top of every hierarchy: paths below {@link cgroupRoot}. */
export function podGroups(): string[] {
  const named = (dir: string): string[] =>
    names(join(cgroupRoot, dir))
      .filter((name) => name.includes('rkt'))
      .map((name) => join(dir, name));
  return isUnified ? named('.') : names(cgroupRoot).flatMap(named);
}

function names(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
