import { RktError } from '../../runtime/base/errors.ts';
import { findPod } from '../../runtime/pod/find.ts';
import type { AppLine, LogOptions, PodLogs } from '../../runtime/pod/logs/index.ts';
import { type PodEntry, podSummary } from '../../runtime/pod/pods.ts';
import type { Command } from '../command.ts';
import { type Context, requireRoot } from '../context.ts';
import { parseDuration } from '../duration.ts';
import { LogPrinter } from '../log-printer.ts';
import { getSwitch, getValue, type OptionValues, usageError } from '../options.ts';
import { podArgument, uuidFileOption } from '../pod-arguments.ts';

export const command: Command = {
  name: 'logs',
  summary: 'print what the apps of a pod have printed',
  usage:
    '[-f] [--app=NAME] [--since=TIME] [--until=TIME] [--tail=N] [--stream=stdout|stderr] [--uuid-file=FILE | UUID]',
  description:
    'Prints the logs of a pod that runs or has run: what went to stdout to stdout, and what went to stderr to stderr. Lines of several ' +
    'apps are put in the order of their times, and begin with the name of their app.',
  maxArgs: 1,
  options: [
    {
      name: 'follow',
      short: 'f',
      type: 'switch',
      description: 'go on with what the apps print until the pod has ended',
    },
    { name: 'app', type: 'value', placeholder: 'NAME', description: 'only what this app has printed' },
    {
      name: 'since',
      type: 'value',
      placeholder: 'TIME',
      description: 'nothing from before: 2016-10-06T00:17:09Z, 2016-10-06, seconds since 1970, or how long ago, as 10m',
    },
    { name: 'until', type: 'value', placeholder: 'TIME', description: 'nothing from after' },
    {
      name: 'tail',
      short: 'n',
      type: 'value',
      placeholder: 'N',
      default: 'all',
      description: 'only the last N lines',
    },
    { name: 'timestamps', short: 't', type: 'switch', description: 'begin lines with their time' },
    {
      name: 'stream',
      type: 'value',
      placeholder: 'STREAM',
      description: 'only what went to stdout, or to stderr',
    },
    {
      name: 'prefix',
      type: 'value',
      placeholder: 'WHEN',
      default: 'auto',
      description: 'begin lines with the name of their app: auto (with several apps), always or never',
    },
    uuidFileOption,
  ],
  async run(context, { values, args }) {
    requireRoot(context, 'logs');
    const { PodLogs: Logs, parseMoment } = await import('../../runtime/pod/logs/index.ts');
    const moment = (option: string): string | undefined => {
      const text = getValue(values, option);
      return text === undefined ? undefined : parseMoment(text, `--${option}`, Date.now(), parseDuration);
    };
    const filter = { stream: streamOf(values), since: moment('since'), until: moment('until'), tail: tailOf(values) };
    const decoration = { prefix: prefixOf(values), timestamps: getSwitch(values, 'timestamps') };
    const pod = findPod(context.globals.dataDir, podArgument('logs', args, values));
    const options: LogOptions = { ...filter, apps: appsOf(context, pod, values) };
    const printer = new LogPrinter(context, {
      timestamps: decoration.timestamps,
      prefix: decoration.prefix ?? options.apps.length > 1,
    });
    const logs = new Logs(pod, options);
    try {
      await print(logs, printer, getSwitch(values, 'follow'));
    } finally {
      logs.close();
    }
    for (const problem of logs.problems()) context.log.warn(problem);
    return 0;
  },
};

async function print(logs: PodLogs, printer: LogPrinter, follow: boolean): Promise<void> {
  const printAll = (lines: Iterable<AppLine>): void => {
    for (const line of lines) {
      printer.print(line);
      if (printer.isOver) return;
    }
    printer.flush();
  };
  if (!follow) {
    printAll(logs.read());
    if (!printer.isOver) printAll(logs.rest());
    return;
  }
  for await (const lines of logs.follow()) {
    printAll(lines);
    if (printer.isOver) return;
  }
}

function streamOf(values: OptionValues): LogOptions['stream'] {
  const stream = getValue(values, 'stream');
  if (stream === undefined || stream === 'stdout' || stream === 'stderr') return stream;
  throw usageError(`invalid value "${stream}" for --stream`, 'it takes stdout or stderr');
}

function tailOf(values: OptionValues): number | undefined {
  const text = getValue(values, 'tail') as string;
  if (text === 'all') return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw usageError(`invalid value "${text}" for --tail`, 'it takes a number of lines, or all');
}

/** Undefined: it depends on how many apps there are. */
function prefixOf(values: OptionValues): boolean | undefined {
  const when = getValue(values, 'prefix');
  if (when === 'auto') return undefined;
  if (when === 'always' || when === 'never') return when === 'always';
  throw usageError(`invalid value "${when}" for --prefix`, 'it takes auto, always or never');
}

/** Errors: ENOAPP, EPOD where the pod has not been started. */
function appsOf(context: Context, pod: PodEntry, values: OptionValues): string[] {
  if (pod.phase !== 'run' && pod.phase !== 'exited-garbage') {
    throw new RktError(`pod ${pod.uuid} has not been started: it is ${pod.state}`, { code: 'EPOD' });
  }
  const { apps, problems } = podSummary(pod);
  for (const problem of problems) context.log.warn(problem);
  const names = apps.map(({ name }) => name);
  const wanted = getValue(values, 'app');
  if (wanted === undefined) return names;
  if (names.includes(wanted)) return [wanted];
  throw new RktError(`pod ${pod.uuid} has no app "${wanted}"`, {
    code: 'ENOAPP',
    hint: `it has ${names.join(', ')}`,
  });
}
