import { findImage } from '../../runtime/image/find.ts';
import { ImageStore } from '../../runtime/image/store.ts';
import type { Command } from '../command.ts';
import { requireRoot } from '../context.ts';
import { getSwitch, usageError } from '../options.ts';

/** How much of an image id is printed unless the user wants it whole: `sha512-` and 32 hex digits. */
const shortIdLength = 'sha512-'.length + 32;

export const command: Command = {
  name: 'fetch',
  summary: 'store images for later use',
  usage: '[--full] IMAGE...',
  description: 'Puts images into the store and prints their ids. An image that is there already is not read twice.',
  maxArgs: Infinity,
  options: [{ name: 'full', type: 'switch', description: 'print the whole image id' }],
  async run(context, { values, args }) {
    if (args.length === 0) throw usageError('rkt fetch needs an image', 'for example: rkt fetch ./app.aci');
    requireRoot(context, 'fetch');
    const store = ImageStore.open(context.globals.dataDir);
    const options = { skipVerify: context.globals.insecure.has('image'), log: context.log };
    for (const image of args) {
      const { id } = await findImage(store, image, options);
      context.out(`${getSwitch(values, 'full') ? id : id.slice(0, shortIdLength)}\n`);
    }
    return 0;
  },
};
