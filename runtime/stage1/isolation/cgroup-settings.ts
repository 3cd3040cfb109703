/** Resources as the kernel takes them: the files of a control group and what is written to them. Pure. */

import { wholeUnits } from '../../appc/quantity.ts';
import type { CgroupHierarchy } from '../cgroups.ts';
import type { Resources } from './resources.ts';

/** What a group gets: `[file, value]`. */
export interface GroupSettings {
  readonly writes: readonly (readonly [file: string, value: string])[];
  /** Files that not every kernel has, and devices that may be gone or cannot be limited. */
  readonly tries: readonly (readonly [file: string, value: string])[];
}

/** The controllers that carry out resources, as cgroup v2 names them. */
export type Controller = 'cpu' | 'memory' | 'pids' | 'io';
export const controllers: readonly Controller[] = ['cpu', 'memory', 'pids', 'io'];

const v1Names: Readonly<Record<Controller, string>> = { cpu: 'cpu', memory: 'memory', pids: 'pids', io: 'blkio' };

/** Whether a hierarchy carries out a controller. */
export const carriesOut = ({ version, controllers: has }: CgroupHierarchy, controller: Controller): boolean =>
  has.includes(version === 2 ? controller : v1Names[controller]);

type Writes = [file: string, value: string][];

/** Microseconds; the kernel's default as well. */
const cpuPeriod = 100_000n;
/** The kernel refuses less than a millisecond per period. */
const leastQuota = 1000n;
/** Cores of which the kernel's least quota is the limit. */
export const leastCpu = (leastQuota * 1000n) / cpuPeriod;

/** Shares of cgroup v1 go from 2 to 262144. */
const clampShares = (shares: number): number => Math.min(262_144, Math.max(2, Math.round(shares)));

/** A core that is requested is the share that every group has by default. */
export function sharesOf({ cpuShares, cpuRequest }: Resources): number | undefined {
  if (cpuShares !== undefined) return clampShares(cpuShares);
  return cpuRequest === undefined ? undefined : clampShares((Number(cpuRequest) * 1024) / 1000);
}

/**
 * Shares as a weight of cgroup v2, 1 to 10000. The curve goes through 2 → 1, 1024 → 100 and 262144 → 10000, so that what is the
 * default of the one is the default of the other.
 */
export function weightOfShares(shares: number): number {
  const log = Math.log2(clampShares(shares));
  const exponent = (log * log + 125 * log) / 612 - 7 / 34;
  return Math.min(10_000, Math.max(1, Math.ceil(10 ** exponent)));
}

function cpuSettings(resources: Resources, v2: boolean): Writes {
  const writes: Writes = [];
  const shares = sharesOf(resources);
  if (shares !== undefined)
    writes.push(v2 ? ['cpu.weight', String(weightOfShares(shares))] : ['cpu.shares', String(shares)]);
  if (resources.cpuLimit === undefined) return writes;
  const wanted = (resources.cpuLimit * cpuPeriod) / 1000n;
  const quota = wanted < leastQuota ? leastQuota : wanted;
  if (v2) return [...writes, ['cpu.max', `${quota} ${cpuPeriod}`]];
  return [...writes, ['cpu.cfs_period_us', String(cpuPeriod)], ['cpu.cfs_quota_us', String(quota)]];
}

function memorySettings({ memoryLimit, memoryRequest }: Resources, v2: boolean): GroupSettings {
  const writes: Writes = [];
  const tries: Writes = [];
  if (memoryLimit !== undefined) {
    const bytes = String(wholeUnits(memoryLimit));
    writes.push([v2 ? 'memory.max' : 'memory.limit_in_bytes', bytes]);
    // What is over the limit must not go on in swap space, where the kernel accounts for that.
    tries.push(v2 ? ['memory.swap.max', '0'] : ['memory.memsw.limit_in_bytes', bytes]);
  }
  if (memoryRequest !== undefined) {
    writes.push([v2 ? 'memory.low' : 'memory.soft_limit_in_bytes', String(wholeUnits(memoryRequest))]);
  }
  return { writes, tries };
}

/** `disks` are device numbers, `major:minor`. */
function ioSettings({ blockBandwidth, blockIops }: Resources, v2: boolean, disks: readonly string[]): Writes {
  const bytes = blockBandwidth === undefined ? undefined : atLeastOne(wholeUnits(blockBandwidth));
  const operations = blockIops === undefined ? undefined : atLeastOne(wholeUnits(blockIops));
  return disks.flatMap((disk): Writes => {
    if (v2) {
      const bps = bytes === undefined ? '' : ` rbps=${bytes} wbps=${bytes}`;
      const iops = operations === undefined ? '' : ` riops=${operations} wiops=${operations}`;
      return bps + iops === '' ? [] : [['io.max', `${disk}${bps}${iops}`]];
    }
    const both = (unit: string, value: bigint | undefined): Writes =>
      value === undefined
        ? []
        : ['read', 'write'].map(
            (way) => [`blkio.throttle.${way}_${unit}_device`, `${disk} ${value}`] as [string, string],
          );
    return [...both('bps', bytes), ...both('iops', operations)];
  });
}

/** Zero would lift the limit instead of being one. */
const atLeastOne = (value: bigint): bigint => (value < 1n ? 1n : value);

/** What a group gets in one hierarchy. */
export function groupSettings(
  resources: Resources,
  hierarchy: CgroupHierarchy,
  disks: readonly string[],
): GroupSettings {
  const v2 = hierarchy.version === 2;
  const has = (controller: Controller): boolean => carriesOut(hierarchy, controller);
  const memory = has('memory') ? memorySettings(resources, v2) : { writes: [], tries: [] };
  const pids: Writes = has('pids') && resources.pids !== undefined ? [['pids.max', String(resources.pids)]] : [];
  return {
    writes: [...(has('cpu') ? cpuSettings(resources, v2) : []), ...memory.writes, ...pids],
    tries: [...memory.tries, ...(has('io') ? ioSettings(resources, v2, disks) : [])],
  };
}

/**
 * What the pod's own group gets beside its isolators: among other pods it counts for what its apps ask for together. On cgroup
 * v2 an app's protected memory is no more than its pod's.
 */
export function podShare(pod: Resources, apps: readonly Resources[]): Resources {
  const shares = apps.map(sharesOf);
  const stated = shares.some((share) => share !== undefined);
  const together = shares.reduce((sum: number, share) => sum + (share ?? 1024), 0);
  const requests = apps.flatMap(({ memoryRequest }) => (memoryRequest === undefined ? [] : [memoryRequest]));
  return {
    ...(stated ? { cpuShares: together } : {}),
    ...(requests.length === 0 ? {} : { memoryRequest: requests.reduce((sum, request) => sum + request, 0n) }),
    ...pod,
    ...(pod.cpuRequest !== undefined && pod.cpuShares === undefined ? { cpuShares: sharesOf(pod) as number } : {}),
  };
}
