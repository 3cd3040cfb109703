import { parseEnvironment } from '../../runtime/pod/compose.ts';
import { enterPod } from '../../runtime/pod/enter.ts';
import { findPod } from '../../runtime/pod/find.ts';
import type { Command } from '../command.ts';
import { requireRoot } from '../context.ts';
import { getList, getSwitch, getValue, type OptionValues, usageError } from '../options.ts';
import { enteredApp, namedPods, uuidFileOption } from '../pod-arguments.ts';

export const command: Command = {
  name: 'exec',
  summary: 'run a command in a running pod',
  usage: '[options] [--uuid-file=FILE | UUID] CMD [ARGS ...]',
  description:
    'Runs a command in an app of a running pod, with the capabilities, limits and environment of the app, and ends with its ' +
    'exit code. Where the caller has a terminal, so has the command.',
  optionsFirst: true,
  maxArgs: Number.POSITIVE_INFINITY,
  options: [
    enteredApp,
    uuidFileOption,
    { name: 'tty', type: 'switch', description: 'give the command a terminal even where the caller has none' },
    { name: 'set-env', type: 'list', placeholder: 'NAME=VALUE', description: 'set a variable for the command' },
    {
      name: 'working-dir',
      type: 'value',
      placeholder: 'DIR',
      description: "run the command in this directory instead of the app's",
    },
    ...['t', 'i', 'it', 'ti'].map((name) => ({
      name,
      type: 'switch' as const,
      hidden: true,
      description: 'what people who come from other runtimes type; standard input is always passed on',
    })),
  ],
  async run(context, { args, values }) {
    requireRoot(context, 'exec');
    const [prefix, ...words] = namedPods(args, values);
    if (prefix === undefined || words.length === 0) {
      throw usageError('rkt exec takes the UUID of a pod and a command', 'for example: rkt exec 76dc6286 ps');
    }
    const pod = findPod(context.globals.dataDir, prefix);
    const request = {
      dataDir: context.globals.dataDir,
      pod,
      app: getValue(values, 'app'),
      command: words,
      terminal: ['tty', 't', 'it', 'ti'].some((name) => getSwitch(values, name)),
      environment: getList(values, 'set-env').map((text) => parseEnvironment(text)),
      workingDirectory: workingDirectoryOf(values),
    };
    await context.beforeExec();
    return enterPod(request);
  },
};

function workingDirectoryOf(values: OptionValues): string | undefined {
  const dir = getValue(values, 'working-dir');
  if (dir !== undefined && !dir.startsWith('/')) {
    throw usageError(`--working-dir "${dir}" is not an absolute path`);
  }
  return dir;
}
