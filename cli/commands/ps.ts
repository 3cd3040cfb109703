import { cpuPercent, podProcesses } from '../../runtime/pod/look/processes.ts';
import { requireRunning } from '../../runtime/pod/look/running.ts';
import type { Command } from '../command.ts';
import { appsOf } from '../look-options.ts';
import { getSwitch, getValue } from '../options.ts';
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
  run(context, { args, values }) {
    const wanted = podArgument('ps', args, values);
    const format = outputFormat(values);
    const pod = requireRunning(context.globals.dataDir, wanted);
    const app = getValue(values, 'app');
    const shown = podProcesses(pod, appsOf(pod, app))
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
