import type { Command } from '../../command.ts';
import { requireRoot } from '../../context.ts';
import { getSwitch } from '../../options.ts';
import { findVerified, openStore, overwriteOption, rootfsOnlyOption, wantArguments } from './stored.ts';

export const command: Command = {
  name: 'image render',
  summary: 'write what an app of an image runs on to a directory',
  usage: '[--overwrite] [--rootfs-only] IMAGE DIRECTORY',
  description:
    'Writes the manifest and the root filesystem of a stored image as an app would see it to a new directory: ' +
    'with the files of the images that it depends on, and what path whitelists leave of them. "rm -R" removes it.',
  maxArgs: 2,
  options: [overwriteOption, rootfsOnlyOption],
  async run(context, { values, args }) {
    const [image = '', directory = ''] = wantArguments(args, ['IMAGE', 'DIRECTORY'], 'image render');
    requireRoot(context, 'image render');
    const { renderImage } = await import('../../../runtime/image/manage/index.ts');
    const store = openStore(context);
    const info = await findVerified(context, store, image);
    await renderImage(store, info, directory, {
      overwrite: getSwitch(values, 'overwrite'),
      rootfsOnly: getSwitch(values, 'rootfs-only'),
      log: context.log,
    });
    return 0;
  },
};
