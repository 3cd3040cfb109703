import { ImageStore } from '../../runtime/image/store.ts';
import { exportApp } from '../../runtime/pod/export.ts';
import { findPod } from '../../runtime/pod/find.ts';
import type { Command } from '../command.ts';
import { requireRoot } from '../context.ts';
import { getSwitch, getValue, usageError } from '../options.ts';
import { namedPods, uuidFileOption } from '../pod-arguments.ts';

export const command: Command = {
  name: 'export',
  summary: 'write what an app has made of its image to an ACI file',
  usage: '[--app=NAME] [--overwrite] [--uuid-file=FILE | UUID] FILE.aci',
  description:
    'Writes the root filesystem of an app as the app left it, with all properties of its files, as an image of its own that ' +
    'depends on no other. The pod must have exited.',
  maxArgs: 2,
  options: [
    { name: 'app', type: 'value', placeholder: 'NAME', description: 'which app, where the pod has several' },
    { name: 'overwrite', type: 'switch', description: 'replace the file if it exists' },
    uuidFileOption,
  ],
  async run(context, { values, args }) {
    const [uuid, file, surplus] = namedPods(args, values);
    if (surplus !== undefined) throw usageError('--uuid-file and a UUID cannot stand together');
    if (uuid === undefined || file === undefined) throw usageError('rkt export takes a UUID and a file');
    if (!file.endsWith('.aci')) throw usageError(`rkt export: the file must end in .aci, is "${file}"`);
    requireRoot(context, 'export');
    const { dataDir } = context.globals;
    await exportApp(findPod(dataDir, uuid), file, {
      dataDir,
      store: ImageStore.open(dataDir),
      app: getValue(values, 'app'),
      overwrite: getSwitch(values, 'overwrite'),
      log: context.log,
    });
    return 0;
  },
};
