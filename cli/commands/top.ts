import { setTimeout as pause } from 'node:timers/promises';
import type { CpuSample } from '../../runtime/pod/look/processes.ts';
import { type PodEntry, podIn } from '../../runtime/pod/pods.ts';
import type { Command } from '../command.ts';
import { showLive } from '../live-view.ts';
import { firstLook, formatOption, intervalOf, intervalOption, onceOptions, wantsJson } from '../look-options.ts';
import { getDuration, getSwitch } from '../options.ts';
import { podArgument, uuidFileOption } from '../pod-arguments.ts';
import { processJson, processTable, type ShownProcess } from '../process-table.ts';
import { appNames } from './ps.ts';

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
    const { requireRunning } = await import('../../runtime/pod/look/index.ts');
    const pod = requireRunning(context.globals.dataDir, wanted);
    const look = await watcher(pod);
    if (getSwitch(values, 'no-stream') || getSwitch(values, 'once')) {
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
async function watcher(pod: PodEntry): Promise<() => ShownProcess[]> {
  const { cpuPercent, podProcesses } = await import('../../runtime/pod/look/index.ts');
  const apps = appNames(pod);
  let before: CpuSample | undefined;
  return () => {
    const at = performance.now();
    const processes = podProcesses(pod, apps);
    const shown = processes.map((process) => ({ process, cpu: cpuPercent(process, at, before) }));
    before = { at, used: new Map(processes.map(({ pid, cpuSeconds }) => [pid, cpuSeconds])) };
    return shown.sort((a, b) => b.cpu - a.cpu || a.process.pid - b.process.pid);
  };
}
