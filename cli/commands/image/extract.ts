import type { Command } from '../../command.ts';
import { requireRoot } from '../../context.ts';
import { getSwitch } from '../../options.ts';
import { findVerified, openStore, overwriteOption, rootfsOnlyOption, wantArguments } from './stored.ts';

export const command: Command = {
  name: 'image extract',
  summary: 'write the files of an image to a directory',
  usage: '[--overwrite] [--rootfs-only] IMAGE DIRECTORY',
  description:
    'Writes the manifest and the files of a stored image to a new directory, with owners, modes, times, links and ' +
    'extended attributes; without those of the images that it depends on.',
  maxArgs: 2,
  options: [overwriteOption, rootfsOnlyOption],
  async run(context, { values, args }) {
    const [image = '', directory = ''] = wantArguments(args, ['IMAGE', 'DIRECTORY'], 'image extract');
    requireRoot(context, 'image extract');
    const { extractImage } = await import('../../../runtime/image/manage/index.ts');
    const store = openStore(context);
    const info = await findVerified(context, store, image);
    await extractImage(store, info, directory, {
      overwrite: getSwitch(values, 'overwrite'),
      rootfsOnly: getSwitch(values, 'rootfs-only'),
      log: context.log,
    });
    return 0;
  },
};
