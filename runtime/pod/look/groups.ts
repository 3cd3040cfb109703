/** The control groups of a pod, as its directory names them. */

import { readdirSync } from 'node:fs';
import { podFiles } from '../../base/paths.ts';
import { type CgroupHierarchy, hierarchies } from '../../stage1/cgroups.ts';
import { readText } from './files.ts';

/** The pod's group in one hierarchy. */
export interface PodGroup {
  readonly hierarchy: CgroupHierarchy;
  readonly dir: string;
}

/** None where the pod has not come so far. */
export function podGroups(podDir: string): PodGroup[] {
  const name = readText(podFiles.cgroup(podDir))?.trim();
  if (name === undefined || name === '') return [];
  return hierarchies().map((hierarchy) => ({ hierarchy, dir: `${hierarchy.mount}/${name}` }));
}

/** Groups below a group, by their names. */
function groupsBelow(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** Host PIDs in a group and in those below it, which an app may have made. */
export function processesIn(dir: string, deep = true): number[] {
  const own = (readText(`${dir}/cgroup.procs`) ?? '').split('\n').filter((line) => line !== '');
  const below = deep ? groupsBelow(dir).flatMap((name) => processesIn(`${dir}/${name}`)) : [];
  return [...own.map(Number), ...below];
}
