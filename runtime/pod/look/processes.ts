/** The processes of a pod, seen from the host (proc(5)). */

import type { PodEntry } from '../pods.ts';
import { readText } from './files.ts';
import { podGroups, processesIn } from './groups.ts';
import { initOf } from './running.ts';

export interface PodProcess {
  /** On the host, and in the pod. */
  readonly pid: number;
  readonly podPid: number;
  /** The app that it belongs to; undefined for the pod's own init. */
  readonly app: string | undefined;
  /** User id in the pod. */
  readonly uid: number;
  /** One letter: R, S, D, T, Z, … */
  readonly state: string;
  /** Seconds of CPU time used, and seconds since it was started. */
  readonly cpuSeconds: number;
  readonly ageSeconds: number;
  /** Bytes in memory. */
  readonly rss: number;
  /** The command line, or the name in brackets where there is none. */
  readonly command: string;
}

/** USER_HZ, which is 100 on every architecture that rkt runs on. */
const ticksPerSecond = 100;
const maxCommand = 4096;

/** What is read of /proc/PID/stat: the fields behind the name, which may hold anything. */
interface Stat {
  readonly name: string;
  readonly state: string;
  readonly cpuSeconds: number;
  readonly started: number;
}

function readStat(pid: number): Stat | undefined {
  const text = readText(`/proc/${pid}/stat`);
  const open = text?.indexOf('(') ?? -1;
  const close = text?.lastIndexOf(')') ?? -1;
  if (text === undefined || open < 0 || close < open) return undefined;
  const fields = text.slice(close + 2).split(' ');
  const ticks = (index: number): number => Number(fields[index]) / ticksPerSecond;
  return {
    name: text.slice(open + 1, close),
    state: fields[0] ?? '?',
    cpuSeconds: ticks(11) + ticks(12),
    started: ticks(19),
  };
}

/** Numbers behind `key:` in /proc/PID/status. */
const statusNumbers = (status: string, key: string): number[] =>
  (new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '').split(/\s+/).map(Number);

/** The user id in the pod of one on the host (user_namespaces(7)). */
function uidInPod(pid: number, uid: number): number {
  for (const line of (readText(`/proc/${pid}/uid_map`) ?? '').split('\n')) {
    const [inside, outside, count] = line.trim().split(/\s+/).map(Number) as [number, number, number];
    if (uid >= outside && uid < outside + count) return inside + uid - outside;
  }
  return uid;
}

function commandOf(pid: number, name: string): string {
  const text = readText(`/proc/${pid}/cmdline`, maxCommand) ?? '';
  const words = text.replace(/\0+$/, '').replaceAll('\0', ' ');
  return words === '' ? `[${name}]` : words;
}

/** Undefined where it has ended in between. `depth`: which of its PIDs is the one in the pod. */
function processOf(pid: number, app: string | undefined, depth: number, uptime: number): PodProcess | undefined {
  const stat = readStat(pid);
  const status = readText(`/proc/${pid}/status`);
  if (stat === undefined || status === undefined) return undefined;
  const podPid = statusNumbers(status, 'NSpid')[depth];
  // A number that was given to a process of the host meanwhile.
  if (podPid === undefined) return undefined;
  return {
    pid,
    podPid,
    app,
    uid: uidInPod(pid, statusNumbers(status, 'Uid')[1] as number),
    state: stat.state,
    cpuSeconds: stat.cpuSeconds,
    ageSeconds: Math.max(0, uptime - stat.started),
    rss: (statusNumbers(status, 'VmRSS')[0] ?? 0) * 1024 || 0,
    // Init has the command line of the monitor that it was forked from.
    command: app === undefined ? `[${stat.name}]` : commandOf(pid, stat.name),
  };
}

/** How deep the pod's PID namespace lies below ours. */
const depthOf = (init: number): number => statusNumbers(readText(`/proc/${init}/status`) ?? '', 'NSpid').length - 1;

/** The processes of a running pod, its init first, then by app and PID. `apps` are the names of its apps. */
export function podProcesses(pod: PodEntry, apps: readonly string[]): PodProcess[] {
  const init = initOf(pod);
  const groups = podGroups(pod.dir);
  const group = groups.find(({ hierarchy }) => hierarchy.version === 2) ?? groups[0];
  const depth = init === undefined ? 0 : depthOf(init);
  if (init === undefined || group === undefined || depth < 1) return [];
  const uptime = Number((readText('/proc/uptime') ?? '').split(' ')[0]);
  const of = (pids: number[], app: string | undefined): PodProcess[] =>
    pids
      .sort((a, b) => a - b)
      .map((pid) => processOf(pid, app, depth, uptime))
      .filter((process) => process !== undefined);
  return [...of([init], undefined), ...apps.flatMap((app) => of(processesIn(`${group.dir}/${app}`), app))];
}

/** CPU time used up to a moment, by PID. */
export interface CpuSample {
  /** Milliseconds of a clock that does not jump. */
  readonly at: number;
  readonly used: ReadonlyMap<number, number>;
}

/** Percent of one core since `before`; over its whole life for a process that is not in there. */
export function cpuPercent(process: PodProcess, now: number, before: CpuSample | undefined): number {
  const used = before?.used.get(process.pid);
  if (before === undefined || used === undefined) {
    return process.ageSeconds > 0 ? (process.cpuSeconds / process.ageSeconds) * 100 : 0;
  }
  return now > before.at ? ((process.cpuSeconds - used) * 100_000) / (now - before.at) : 0;
}
