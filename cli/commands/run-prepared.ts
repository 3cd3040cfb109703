import { ImageFinder } from '../../runtime/image/find.ts';
import { ImageStore } from '../../runtime/image/store.ts';
import { findPod } from '../../runtime/pod/find.ts';
import { runPrepared } from '../../runtime/pod/run-prepared.ts';
import { stopwatch } from '../../runtime/pod/start.ts';
import type { Command } from '../command.ts';
import { requireRoot } from '../context.ts';
import { fetchSettings } from '../fetch-settings.ts';
import { podArgument, uuidFileOption } from '../pod-arguments.ts';
import { imageOptions, prepareOptions, startOptions, startOptionsOf } from '../pod-options.ts';

export const command: Command = {
  name: 'run-prepared',
  summary: 'run a pod that was prepared',
  usage: '[options] [--uuid-file=FILE | UUID]',
  description:
    'Starts a pod that "rkt prepare" has made, and ends with the exit code of the app, as "rkt run" does. A pod that cannot be ' +
    'started stays prepared.',
  maxArgs: 1,
  options: [...startOptions, uuidFileOption],
  elsewhere: { prepare: [...prepareOptions, ...imageOptions] },
  async run(context, { values, args }) {
    const pod = podArgument('run-prepared', args, values);
    requireRoot(context, 'run-prepared');
    const mark = stopwatch(context.log);
    mark('node and load');
    const { dataDir } = context.globals;
    const entry = findPod(dataDir, pod);
    const store = ImageStore.open(dataDir);
    // What was prepared is there: nothing is fetched.
    const finder = new ImageFinder(store, fetchSettings(context, new Map([['pull-policy', 'never']])));
    const start = await startOptionsOf(context, values, mark);
    return await runPrepared(entry, {
      ...start,
      store,
      findImage: (id) => finder.find(id),
      onReady: async () => {
        await finder.close();
        await context.beforeExec();
      },
    });
  },
};
