import { enterPod } from '../../runtime/pod/enter.ts';
import type { Command } from '../command.ts';
import { requireRoot } from '../context.ts';
import { enterOptions, enterRequestOf, podAndCommand } from '../enter-options.ts';
import { usageError } from '../options.ts';

export const command: Command = {
  name: 'exec',
  summary: 'run a command in a running pod',
  usage: '[options] [--uuid-file=FILE | UUID] CMD [ARGS ...]',
  description:
    'Runs a command in an app of a running pod, with the capabilities, limits and environment of the app, and ends with its ' +
    'exit code. Where the caller has a terminal, so has the command.',
  optionsFirst: true,
  maxArgs: Number.POSITIVE_INFINITY,
  options: enterOptions,
  async run(context, { args, values }) {
    requireRoot(context, 'exec');
    const [prefix, ...words] = podAndCommand('exec', args, values);
    if (prefix === undefined || words.length === 0) {
      throw usageError('rkt exec takes the UUID of a pod and a command', 'for example: rkt exec 76dc6286 ps');
    }
    const request = enterRequestOf(context, values, prefix, words);
    await context.beforeExec();
    return enterPod(request);
  },
};
