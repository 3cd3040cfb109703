import { writeFileSync } from 'node:fs';
import { messageOf, RktError } from '../../runtime/base/errors.ts';
import { runPod } from '../../runtime/pod/run.ts';
import { stopwatch } from '../../runtime/pod/start.ts';
import type { Command } from '../command.ts';
import { requireRoot } from '../context.ts';
import { getValue, optionGroup } from '../options.ts';
import {
  imageOptions,
  makeOptionsOf,
  prepareOptions,
  requireImages,
  startOptions,
  startOptionsOf,
} from '../pod-options.ts';

export const command: Command = {
  name: 'run',
  summary: 'run images as a pod',
  usage: '[options] IMAGE [image options] [-- args] [--- IMAGE ...]',
  description:
    'Runs one or more images as the apps of a new pod, and ends with the exit code of the app. An image is named by its ' +
    'name, its id or a file. What stands between "--" and "---" is passed to the app before it.',
  options: [
    ...startOptions,
    ...prepareOptions,
    ...optionGroup('Pod', [
      { name: 'uuid-file-save', type: 'value', placeholder: 'FILE', description: "write the pod's UUID to a file" },
    ]),
  ],
  imageOptions,
  async run(context, parsed) {
    requireRoot(context, 'run');
    requireImages('run', parsed);
    const { values } = parsed;
    const mark = stopwatch(context.log);
    mark('node and load');
    // The service first: without it nothing is fetched or made.
    const start = await startOptionsOf(context, values, mark);
    return await runPod({
      ...(await makeOptionsOf(context, parsed, mark)),
      ...start,
      onReady: async (uuid) => {
        saveUuid(uuid, getValue(values, 'uuid-file-save'));
        await context.beforeExec();
      },
    });
  },
};

function saveUuid(uuid: string, file: string | undefined): void {
  if (file === undefined) return;
  try {
    writeFileSync(file, `${uuid}\n`);
  } catch (cause) {
    throw new RktError(`--uuid-file-save: ${messageOf(cause)}`, { code: 'EUUIDFILE', cause });
  }
}
