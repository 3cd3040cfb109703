import { prepareToKeep } from '../../runtime/pod/run.ts';
import { stopwatch } from '../../runtime/pod/start.ts';
import type { Command } from '../command.ts';
import { type Context, requireRoot } from '../context.ts';
import { getSwitch } from '../options.ts';
import { imageOptions, makeOptionsOf, prepareOptions, requireImages, startOptions } from '../pod-options.ts';

export const command: Command = {
  name: 'prepare',
  summary: 'make a pod that can be run later',
  usage: '[options] IMAGE [image options] [-- args] [--- IMAGE ...]',
  description:
    'Does everything that "rkt run" does before a pod starts: fetches images, checks them and makes the pod. Prints the ' +
    'UUID; "rkt run-prepared" starts the pod.',
  options: [
    ...prepareOptions,
    { name: 'quiet', type: 'switch', description: 'say nothing but the UUID, warnings and errors' },
  ],
  imageOptions,
  elsewhere: { 'run-prepared': startOptions },
  async run(context, parsed) {
    requireRoot(context, 'prepare');
    requireImages('prepare', parsed);
    const mark = stopwatch(context.log);
    mark('node and load');
    const outlet = getSwitch(parsed.values, 'quiet') ? quieted(context) : context;
    const uuid = await prepareToKeep(await makeOptionsOf(outlet, parsed, mark));
    context.out(`${uuid}\n`);
    return 0;
  },
};

/** Without progress and news. */
const quieted = (context: Context): Context => ({
  ...context,
  log: { ...context.log, info: () => {} },
  err: () => {},
});
