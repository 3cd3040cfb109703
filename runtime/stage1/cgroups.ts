/**
 * Where a pod's control groups go: one per hierarchy, named as rkt and systemd name them, at the top of what this process
 * sees of the hierarchy. Both cgroup versions, and a host that has some of each.
 */

import { readFileSync } from 'node:fs';

export interface CgroupHierarchy {
  /** Mount point, e.g. `/sys/fs/cgroup/memory`. */
  readonly mount: string;
  readonly version: 1 | 2;
}

/** The v1 hierarchies that a pod joins: those that account for it or can bound it. */
const wanted = new Set(['cpu', 'cpuacct', 'memory', 'pids', 'blkio', 'name=systemd']);

/** The hierarchies that are mounted, from the text of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export function hierarchiesIn(mountinfo: string): CgroupHierarchy[] {
  const found = new Map<string, CgroupHierarchy>();
  for (const line of mountinfo.split('\n')) {
    const [left, right] = line.split(' - ');
    const [type, , options] = right?.split(' ') ?? [];
    const mount = left?.split(' ')[4];
    if (mount === undefined || (type !== 'cgroup' && type !== 'cgroup2')) continue;
    const version = type === 'cgroup2' ? 2 : 1;
    const controllers = (options ?? '').split(',').filter((option) => wanted.has(option));
    if (version === 1 && controllers.length === 0) continue;
    const key = version === 2 ? 'unified' : controllers.join(',');
    if (!found.has(key)) found.set(key, { mount: unquote(mount), version });
  }
  return [...found.values()];
}

export const hierarchies = (): CgroupHierarchy[] => hierarchiesIn(readFileSync('/proc/self/mountinfo', 'utf8'));

/** Where the devices controller of cgroup v1 is mounted; undefined where it is not. Pods join it only for device volumes. */
export function devicesHierarchy(): string | undefined {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
  const line = mountinfo.split('\n').find((text) => / - cgroup \S+ (\S+,)?devices(,|$)/.test(text));
  const mount = line?.split(' ')[4];
  return mount === undefined ? undefined : unquote(mount);
}

/** Space, tab, newline and backslash are octal in mountinfo. */
const unquote = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** `machine-rkt\x2d<uuid>.scope`, every dash of the machine's name escaped as systemd.unit(5) says. */
export const podScope = (uuid: string): string => `machine-rkt\\x2d${uuid.replaceAll('-', '\\x2d')}.scope`;
