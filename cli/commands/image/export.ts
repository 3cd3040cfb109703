import type { Command } from '../../command.ts';
import { requireRoot } from '../../context.ts';
import { getSwitch } from '../../options.ts';
import { findStored, openStore, overwriteOption, wantArguments } from './stored.ts';

export const command: Command = {
  name: 'image export',
  summary: 'write an image to an ACI file',
  usage: '[--overwrite] IMAGE FILE',
  description:
    'Writes a stored image to a file, always without compression: the bytes that the id of the image is the hash of. An ' +
    'image that came in layers from a registry becomes one archive of all of them.',
  maxArgs: 2,
  options: [overwriteOption],
  async run(context, { values, args }) {
    const [image = '', file = ''] = wantArguments(args, ['IMAGE', 'FILE'], 'image export');
    requireRoot(context, 'image export');
    const { exportImage } = await import('../../../runtime/image/manage/index.ts');
    const store = openStore(context);
    const info = await findStored(context, store, image);
    await exportImage(store, info, file, { overwrite: getSwitch(values, 'overwrite') });
    return 0;
  },
};
