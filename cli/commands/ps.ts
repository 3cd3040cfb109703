import { type PodEntry, podSummary } from '../../runtime/pod/pods.ts';
import type { Command } from '../command.ts';
import { getSwitch, getValue, usageError } from '../options.ts';
import { formatOption, jsonText, outputFormat } from '../output-format.ts';
import { podArgument, uuidFileOption } from '../pod-arguments.ts';
import { processList, processTable } from '../process-table.ts';

export const command: Command = {
  name: 'ps',
  summary: 'list the processes of a pod',
  usage: '[options] [--uuid-file=FILE | UUID]',
  description:
    'Lists the processes of a running pod, seen from the host. CPU is in percent of one core over their lives.',
  maxArgs: 1,
  options: [
    { name: 'app', type: 'value', placeholder: 'NAME', description: 'only the processes of this app' },
    formatOption,
    { name: 'no-legend', type: 'switch', description: 'leave out the line of column names' },
    uuidFileOption,
  ],
  async run(context, { args, values }) {
    const wanted = podArgument('ps', args, values);
    const format = outputFormat(values);
    const { cpuPercent, podProcesses, requireRunning } = await import('../../runtime/pod/look/index.ts');
    const pod = requireRunning(context.globals.dataDir, wanted);
    const app = getValue(values, 'app');
    const shown = podProcesses(pod, appNames(pod, app))
      .filter((process) => app === undefined || process.app === app)
      .map((process) => ({ process, cpu: cpuPercent(process, 0, undefined) }));
    context.out(
      format === undefined
        ? processTable(shown, !getSwitch(values, 'no-legend'))
        : jsonText(processList(shown), format),
    );
    return 0;
  },
};

/** The pod's apps. Errors: EUSAGE where it has none named `only`. */
export function appNames(pod: PodEntry, only?: string): string[] {
  const names = podSummary(pod).apps.map(({ name }) => name);
  if (only !== undefined && !names.includes(only)) {
    throw usageError(`pod ${pod.uuid} has no app "${only}"`, `it has ${names.join(', ')}`);
  }
  return names;
}
