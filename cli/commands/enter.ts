import { enterPod } from '../../runtime/pod/enter.ts';
import type { Command } from '../command.ts';
import { requireRoot } from '../context.ts';
import { enterOptions, enterRequestOf, podAndCommand } from '../enter-options.ts';
import { usageError } from '../options.ts';

export const command: Command = {
  name: 'enter',
  summary: 'open a shell in a running pod',
  usage: '[options] [--uuid-file=FILE | UUID] [CMD [ARGS ...]]',
  description:
    'Runs a command in an app of a running pod, with the capabilities, limits and environment of the app: /bin/bash, or ' +
    '/bin/sh where there is none, unless another is given. Where the caller has a terminal, so has the command.',
  optionsFirst: true,
  maxArgs: Number.POSITIVE_INFINITY,
  options: enterOptions,
  async run(context, { args, values }) {
    requireRoot(context, 'enter');
    const [prefix, ...words] = podAndCommand('enter', args, values);
    if (prefix === undefined) throw usageError('rkt enter takes the UUID of a pod');
    const request = enterRequestOf(context, values, prefix, words.length === 0 ? undefined : words);
    await context.beforeExec();
    return enterPod(request);
  },
};
