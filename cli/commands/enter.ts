import { enterPod } from '../../runtime/pod/enter.ts';
import { findPod } from '../../runtime/pod/find.ts';
import type { Command } from '../command.ts';
import { requireRoot } from '../context.ts';
import { getValue, usageError } from '../options.ts';
import { enteredApp, namedPods, uuidFileOption } from '../pod-arguments.ts';

export const command: Command = {
  name: 'enter',
  summary: 'open a shell in a running pod',
  usage: '[--app=NAME] [--uuid-file=FILE | UUID] [CMD [ARGS ...]]',
  description:
    'Runs a command in an app of a running pod, with the capabilities, limits and environment of the app: /bin/bash, or ' +
    '/bin/sh where there is none, unless another is given. Where the caller has a terminal, so has the command.',
  optionsFirst: true,
  maxArgs: Number.POSITIVE_INFINITY,
  options: [enteredApp, uuidFileOption],
  async run(context, { args, values }) {
    requireRoot(context, 'enter');
    const [prefix, ...words] = namedPods(args, values);
    if (prefix === undefined) throw usageError('rkt enter takes the UUID of a pod');
    const pod = findPod(context.globals.dataDir, prefix);
    await context.beforeExec();
    const { dataDir } = context.globals;
    return enterPod({ dataDir, pod, app: getValue(values, 'app'), command: words.length === 0 ? undefined : words });
  },
};
