/** What a pod and its apps use of the host, as the kernel has counted it in their control groups. */

import { readlinkSync } from 'node:fs';
import type { PodEntry } from '../pods.ts';
import { readKeys, readNumber, readText } from './files.ts';
import { type PodGroup, podGroups } from './groups.ts';
import { initOf } from './running.ts';

/** Undefined: the host does not count it, or there is no limit. */
export interface GroupUsage {
  readonly cpuSeconds: number | undefined;
  /** Bytes, without what the kernel could give back at once. */
  readonly memory: number | undefined;
  readonly memoryLimit: number | undefined;
  readonly pids: number | undefined;
  readonly pidsLimit: number | undefined;
  /** Bytes read from and written to disks. */
  readonly blockRead: number | undefined;
  readonly blockWritten: number | undefined;
}

export interface PodUsage {
  /** Milliseconds of a clock that does not jump. */
  readonly at: number;
  readonly pod: GroupUsage;
  readonly apps: ReadonlyMap<string, GroupUsage>;
  /** Bytes over the links of the pod; undefined where it shares the network of the host. */
  readonly network: { readonly received: number; readonly sent: number } | undefined;
}

/** cgroup v1 says "no limit" by a number near 2^63. */
const noLimit = 2 ** 62;

const limitOf = (value: number | undefined): number | undefined =>
  value === undefined || value >= noLimit ? undefined : value;

/** The group `name` below the pod's, or the pod's own (``), where the hierarchy has one of the controllers. */
function dirWith(
  groups: readonly PodGroup[],
  name: string,
  v1: string,
  v2: string | undefined,
): [dir: string, version: 1 | 2] | undefined {
  const has = ({ hierarchy }: PodGroup): boolean =>
    hierarchy.version === 1
      ? hierarchy.controllers.includes(v1)
      : v2 === undefined || hierarchy.controllers.includes(v2);
  // With both versions there, a controller is in one of them only; the unified one counts CPU time in any case.
  const group = groups.find((one) => one.hierarchy.version === 1 && has(one)) ?? groups.find(has);
  return group === undefined ? undefined : [`${group.dir}${name === '' ? '' : `/${name}`}`, group.hierarchy.version];
}

function cpuSecondsOf(groups: readonly PodGroup[], name: string): number | undefined {
  const [dir, version] = dirWith(groups, name, 'cpuacct', undefined) ?? [];
  if (version === 1) {
    const nanoseconds = readNumber(`${dir}/cpuacct.usage`);
    return nanoseconds === undefined ? undefined : nanoseconds / 1e9;
  }
  const microseconds = readKeys(`${dir}/cpu.stat`).get('usage_usec');
  return microseconds === undefined ? undefined : microseconds / 1e6;
}

function memoryOf(groups: readonly PodGroup[], name: string): Pick<GroupUsage, 'memory' | 'memoryLimit'> {
  const [dir, version] = dirWith(groups, name, 'memory', 'memory') ?? [];
  if (dir === undefined) return { memory: undefined, memoryLimit: undefined };
  const v2 = version === 2;
  const used = readNumber(`${dir}/${v2 ? 'memory.current' : 'memory.usage_in_bytes'}`);
  const idle = readKeys(`${dir}/memory.stat`).get(v2 ? 'inactive_file' : 'total_inactive_file') ?? 0;
  return {
    memory: used === undefined ? undefined : Math.max(0, used - idle),
    memoryLimit: limitOf(readNumber(`${dir}/${v2 ? 'memory.max' : 'memory.limit_in_bytes'}`)),
  };
}

function pidsOf(groups: readonly PodGroup[], name: string): Pick<GroupUsage, 'pids' | 'pidsLimit'> {
  const [dir] = dirWith(groups, name, 'pids', 'pids') ?? [];
  if (dir === undefined) return { pids: undefined, pidsLimit: undefined };
  return { pids: readNumber(`${dir}/pids.current`), pidsLimit: readNumber(`${dir}/pids.max`) };
}

/** `8:0 Read 4096` per line on v1, `8:0 rbytes=4096 wbytes=0 …` on v2. */
function blockOf(groups: readonly PodGroup[], name: string): Pick<GroupUsage, 'blockRead' | 'blockWritten'> {
  const [dir, version] = dirWith(groups, name, 'blkio', 'io') ?? [];
  if (dir === undefined) return { blockRead: undefined, blockWritten: undefined };
  const text = readText(`${dir}/${version === 2 ? 'io.stat' : 'blkio.throttle.io_service_bytes_recursive'}`) ?? '';
  const sum = (pattern: RegExp): number =>
    [...text.matchAll(pattern)].reduce((total, [, bytes]) => total + Number(bytes), 0);
  return version === 2
    ? { blockRead: sum(/ rbytes=(\d+)/g), blockWritten: sum(/ wbytes=(\d+)/g) }
    : { blockRead: sum(/ Read (\d+)/g), blockWritten: sum(/ Write (\d+)/g) };
}

/** Of the app `name`, or of the whole pod (``). */
export const groupUsage = (groups: readonly PodGroup[], name: string): GroupUsage => ({
  cpuSeconds: cpuSecondsOf(groups, name),
  ...memoryOf(groups, name),
  ...pidsOf(groups, name),
  ...blockOf(groups, name),
});

function namespaceOf(pid: number | 'self'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** `  eth0: received 7 more sent …` per link, behind two lines of headings (proc_pid_net(5)). */
function networkOf(pod: PodEntry): PodUsage['network'] {
  const init = initOf(pod);
  const own = init === undefined ? undefined : namespaceOf(init);
  if (own === undefined || own === namespaceOf('self')) return undefined;
  const total = { received: 0, sent: 0 };
  for (const line of (readText(`/proc/${init}/net/dev`) ?? '').split('\n').slice(2)) {
    const [link = '', counters = ''] = line.split(':');
    if (link.trim() === 'lo' || counters === '') continue;
    const numbers = counters.trim().split(/\s+/).map(Number);
    total.received += numbers[0] ?? 0;
    total.sent += numbers[8] ?? 0;
  }
  return total;
}

/** What a running pod and each of `apps` have used up to now. */
export function podUsage(pod: PodEntry, apps: readonly string[]): PodUsage {
  const groups = podGroups(pod.dir);
  return {
    at: performance.now(),
    pod: groupUsage(groups, ''),
    apps: new Map(apps.map((name) => [name, groupUsage(groups, name)])),
    network: networkOf(pod),
  };
}
