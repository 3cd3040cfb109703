import { setTimeout as pause } from 'node:timers/promises';
import { type CpuSample, cpuPercent, podProcesses } from '../../runtime/pod/look/processes.ts';
import { requireRunning } from '../../runtime/pod/look/running.ts';
import { type PodEntry, podIn } from '../../runtime/pod/pods.ts';
import type { Command } from '../command.ts';
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
import { podArgument, uuidFileOption } from '../pod-arguments.ts';
import { processJson, processTable, type ShownProcess } from '../process-table.ts';

export const command: Command = {
  name: 'top',
  summary: 'watch the processes of a pod',
  usage: '[options] [--uuid-file=FILE | UUID]',
  description:
    'Shows the processes of a running pod, those that use most CPU time first, until you type q or the pod ends.',
  maxArgs: 1,
  options: [...onceOptions, intervalOption('2s'), formatOption, uuidFileOption],
  async run(context, { args, values }) {
    const wanted = podArgument('top', args, values);
    const print = wantsJson(values) ? processJson : processTable;
    const interval = intervalOf(getDuration(values, 'interval'));
    const pod = requireRunning(context.globals.dataDir, wanted);
    const look = watcher(pod);
    if (isOnce(values)) {
      look();
      await pause(firstLook);
      context.out(print(look()));
      return 0;
    }
    await showLive({
      context,
      interval,
      draw: () => (podIn(context.globals.dataDir, 'run', pod.uuid)?.state === 'running' ? print(look()) : undefined),
    });
    return 0;
  },
};

/** Looks at the pod's processes; each look tells what they did since the one before. */
function watcher(pod: PodEntry): () => ShownProcess[] {
  const apps = appsOf(pod);
  let before: CpuSample | undefined;
  return () => {
    const at = performance.now();
    const processes = podProcesses(pod, apps);
    const shown = processes.map((process) => ({ process, cpu: cpuPercent(process, at, before) }));
    before = { at, used: new Map(processes.map(({ pid, cpuSeconds }) => [pid, cpuSeconds])) };
    return shown.sort((a, b) => b.cpu - a.cpu || a.process.pid - b.process.pid);
  };
}
