/**
 * Where a pod's control groups go: one per hierarchy, named as rkt and systemd name them, at the top of what this process
 * sees of the hierarchy, or in a unit of systemd that is delegated. Both cgroup versions, and a host that has some of each.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { enterDelegation } from './delegation.ts';

export interface CgroupHierarchy {
  /** Mount point, e.g. `/sys/fs/cgroup/memory`. */
  readonly mount: string;
  readonly version: 1 | 2;
  /** The group in which those of pods are made, below `mount` and beginning with a slash. Default: the top. */
  readonly parent?: string;
  /** By the names of their version: `blkio` on v1 is `io` on v2. */
  readonly controllers: readonly string[];
}

/** The v1 hierarchies that a pod joins: those that account for it or can bound it. */
const wanted = new Set(['cpu', 'cpuacct', 'memory', 'pids', 'blkio', 'name=systemd']);

/**
 * The hierarchies that are mounted, from the text of /proc/self/mountinfo (proc_pid_mountinfo(5)). `unified` says which
 * controllers the unified one has.
 */
export function hierarchiesIn(mountinfo: string, unified: (mount: string) => readonly string[]): CgroupHierarchy[] {
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
    if (found.has(key)) continue;
    const dir = unquote(mount);
    found.set(key, { mount: dir, version, controllers: version === 2 ? unified(dir) : controllers });
  }
  return [...found.values()];
}

const mountinfo = (): string => readFileSync('/proc/self/mountinfo', 'utf8');

/** The hierarchies with what they could carry out; changes nothing. */
export const hierarchies = (): CgroupHierarchy[] =>
  hierarchiesIn(mountinfo(), (mount) => listOf(`${mount}/cgroup.controllers`));

/**
 * The hierarchies with what they carry out for a new pod. This process may be moved to another group: see {@link enterDelegation}.
 * Where a delegated group cannot hand down controllers, since there is more in it than rkt, pods are at the top as elsewhere.
 */
export function hierarchiesForPods(): CgroupHierarchy[] {
  const all = hierarchiesIn(mountinfo(), () => []);
  const [only] = all;
  const parent = all.length === 1 && only?.version === 2 ? enterDelegation(only.mount) : undefined;
  if (only !== undefined && parent !== undefined) {
    const controllers = handDownControllers(`${only.mount}${parent}`);
    if (controllers.length > 0) return [{ ...only, parent, controllers }];
  }
  return all.map((one) => (one.version === 2 ? { ...one, controllers: handDownControllers(one.mount) } : one));
}

/**
 * The controllers that groups below a group of the unified hierarchy have, such as its top. They are switched on where they are not: systemd has
 * done so for its own slices, other hosts may have not. What cannot be switched on is left out.
 */
export function handDownControllers(group: string): string[] {
  const there = listOf(`${group}/cgroup.controllers`).filter((name) => wantedUnified.has(name));
  if (there.length === 0) return there;
  const on = new Set(listOf(`${group}/cgroup.subtree_control`));
  return there.filter((name) => on.has(name) || switchOn(group, name));
}

const wantedUnified = new Set(['cpu', 'memory', 'pids', 'io']);

const listOf = (file: string): string[] =>
  readFileSync(file, 'utf8')
    .split(/\s+/)
    .filter((name) => name !== '');

/** False where the kernel refuses: the group holds processes, as one may in a container. */
function switchOn(group: string, controller: string): boolean {
  try {
    writeFileSync(`${group}/cgroup.subtree_control`, `+${controller}`);
    return true;
  } catch {
    return false;
  }
}

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

/** The pod's group relative to the mount point of a hierarchy. */
export const podGroup = ({ parent = '' }: CgroupHierarchy, uuid: string): string =>
  `${parent}/${podScope(uuid)}`.slice(1);

/** `machine-rkt\x2d<uuid>.scope`, every dash of the machine's name escaped as systemd.unit(5) says. */
export const podScope = (uuid: string): string => `machine-rkt\\x2d${uuid.replaceAll('-', '\\x2d')}.scope`;
