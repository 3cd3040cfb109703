import { setTimeout as pause } from 'node:timers/promises';
import { requireRunning, runningPods } from '../../runtime/pod/look/running.ts';
import { type GroupUsage, type PodUsage, podUsage } from '../../runtime/pod/look/usage.ts';
import type { PodEntry } from '../../runtime/pod/pods.ts';
import { bytes, percent } from '../amount.ts';
import type { Command } from '../command.ts';
import type { Context } from '../context.ts';
import { showLive } from '../live-view.ts';
import {
  appsOf,
  firstLook,
  formatOption,
  intervalOf,
  intervalOption,
  isOnce,
  onceOptions,
  wantsJson,
} from '../look-options.ts';
import { getDuration } from '../options.ts';
import { namedPods, uuidFileOption } from '../pod-arguments.ts';
import { table } from '../table.ts';

export const command: Command = {
  name: 'stats',
  summary: 'show what running pods use of the host',
  usage: '[options] [--uuid-file=FILE] [UUID ...]',
  description:
    'Shows CPU time, memory, processes, and the traffic to disks and networks of running pods and their apps: of those named, or ' +
    'of all. Without --no-stream it goes on until you type q or no pod is left.',
  maxArgs: Number.MAX_SAFE_INTEGER,
  options: [...onceOptions, intervalOption('1s'), formatOption, uuidFileOption],
  async run(context, { args, values }) {
    const print = wantsJson(values) ? statsJson : statsTable;
    const interval = intervalOf(getDuration(values, 'interval'));
    const look = watcher(context, namedPods(args, values));
    look();
    await pause(firstLook);
    if (isOnce(values)) {
      context.out(print(look()));
      return 0;
    }
    await showLive({
      context,
      interval,
      draw: () => {
        const pods = look();
        return pods.length === 0 ? undefined : print(pods);
      },
    });
    return 0;
  },
};

/** A pod at one moment, and what it has done since the one before. */
interface Seen {
  readonly uuid: string;
  readonly usage: PodUsage;
  readonly before: PodUsage | undefined;
}

/** Looks at the pods named, or at all; those named must run at the start. */
function watcher({ globals: { dataDir } }: Context, wanted: readonly string[]): () => Seen[] {
  const named = new Set(wanted.map((name) => requireRunning(dataDir, name).uuid));
  const known = new Map<string, readonly string[]>();
  let last = new Map<string, PodUsage>();
  const knownApps = (pod: PodEntry): readonly string[] => {
    const apps = known.get(pod.uuid) ?? appsOf(pod);
    known.set(pod.uuid, apps);
    return apps;
  };
  return () => {
    const pods = runningPods(dataDir).filter(({ uuid }) => named.size === 0 || named.has(uuid));
    const seen = pods.map((pod) => ({
      uuid: pod.uuid,
      usage: podUsage(pod, knownApps(pod)),
      before: last.get(pod.uuid),
    }));
    last = new Map(seen.map(({ uuid, usage }) => [uuid, usage]));
    return seen;
  };
}

/** Percent of one core since the moment before; undefined where that is not known. */
function cpuOf({ usage, before }: Seen, of: (usage: PodUsage) => GroupUsage | undefined): number | undefined {
  if (before === undefined) return undefined;
  const [now, then] = [of(usage)?.cpuSeconds, of(before)?.cpuSeconds];
  const elapsed = usage.at - before.at;
  return now === undefined || then === undefined || elapsed <= 0 ? undefined : ((now - then) * 100_000) / elapsed;
}

const legend = ['UUID', 'APP', 'CPU', 'MEMORY', 'LIMIT', 'PIDS', 'LIMIT', 'READ', 'WRITTEN', 'RECEIVED', 'SENT'];

const shown = (value: number | undefined, show: (value: number) => string): string =>
  value === undefined ? '-' : show(value);

function cells(usage: GroupUsage, cpu: number | undefined): string[] {
  return [
    shown(cpu, percent),
    shown(usage.memory, bytes),
    shown(usage.memoryLimit, bytes),
    shown(usage.pids, String),
    shown(usage.pidsLimit, String),
    shown(usage.blockRead, bytes),
    shown(usage.blockWritten, bytes),
  ];
}

/** A pod with one app is a line; one with several is a line for the whole and one for each app. */
function podRows(pod: Seen): string[][] {
  const { uuid, usage } = pod;
  const network = [shown(usage.network?.received, bytes), shown(usage.network?.sent, bytes)];
  const appRows = [...usage.apps].map(([name, app]) => [
    name,
    ...cells(
      app,
      cpuOf(pod, (one) => one.apps.get(name)),
    ),
  ]);
  const [only] = appRows;
  if (appRows.length === 1 && only !== undefined) return [[uuid.slice(0, 8), ...only, ...network]];
  return [
    [
      uuid.slice(0, 8),
      '-',
      ...cells(
        usage.pod,
        cpuOf(pod, (one) => one.pod),
      ),
      ...network,
    ],
    ...appRows.map((row) => ['', ...row, '', '']),
  ];
}

const statsTable = (pods: readonly Seen[]): string => table([legend, ...pods.flatMap(podRows)]);

const orNull = (value: number | undefined): number | null => value ?? null;

function groupJson(usage: GroupUsage, cpu: number | undefined): object {
  return {
    cpu_percent: cpu === undefined ? null : Math.round(cpu * 10) / 10,
    cpu_seconds: orNull(usage.cpuSeconds),
    memory: orNull(usage.memory),
    memory_limit: orNull(usage.memoryLimit),
    pids: orNull(usage.pids),
    pids_limit: orNull(usage.pidsLimit),
    block_read: orNull(usage.blockRead),
    block_written: orNull(usage.blockWritten),
  };
}

/** One line, so that a stream of them can be read line by line. */
function statsJson(pods: readonly Seen[]): string {
  const list = pods.map((pod) => ({
    uuid: pod.uuid,
    ...groupJson(
      pod.usage.pod,
      cpuOf(pod, (one) => one.pod),
    ),
    network_received: orNull(pod.usage.network?.received),
    network_sent: orNull(pod.usage.network?.sent),
    apps: [...pod.usage.apps].map(([name, app]) => ({
      name,
      ...groupJson(
        app,
        cpuOf(pod, (one) => one.apps.get(name)),
      ),
    })),
  }));
  return `${JSON.stringify(list)}\n`;
}
