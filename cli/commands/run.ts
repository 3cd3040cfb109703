import { writeFileSync } from 'node:fs';
import { messageOf, RktError } from '../../runtime/base/errors.ts';
import { ImageStore } from '../../runtime/image/store.ts';
import { reachMetadataService } from '../../runtime/pod/metadata.ts';
import { wantsRegistration } from '../../runtime/pod/networks.ts';
import { runPod, stopwatch } from '../../runtime/pod/run.ts';
import { builtinStage1 } from '../../runtime/stage1/builtin.ts';
import type { Command } from '../command.ts';
import { requireRoot } from '../context.ts';
import { getOptionalSwitch, getSwitch, getValue, usageError } from '../options.ts';
import {
  imageOptions,
  networkingOf,
  planSettingsOf,
  prepareOptions,
  requestPod,
  serviceCommand,
  startOptions,
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
    { name: 'uuid-file-save', type: 'value', placeholder: 'FILE', description: "write the pod's UUID to a file" },
  ],
  imageOptions,
  async run(context, parsed) {
    requireRoot(context, 'run');
    if (parsed.apps.length === 0) throw usageError('rkt run needs an image', 'for example: rkt run ./app.aci');
    const { values } = parsed;
    const mark = stopwatch(context.log);
    mark('node and load');
    const networking = networkingOf(values);
    const register = wantsRegistration(networking, getOptionalSwitch(values, 'mds-register'));
    const lease = register ? await reachMetadataService(serviceCommand(context, values)) : undefined;
    const store = ImageStore.open(context.globals.dataDir);
    const { request, images } = await requestPod(context, store, parsed);
    mark('resolve');
    return await runPod({
      dataDir: context.globals.dataDir,
      store,
      request,
      images,
      overlay: !getSwitch(values, 'no-overlay'),
      networking,
      lease,
      settings: planSettingsOf(context, values),
      stage1Run: builtinStage1().run,
      onReady: async (uuid) => {
        saveUuid(uuid, getValue(values, 'uuid-file-save'));
        await context.beforeExec();
      },
      mark,
      log: context.log,
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
