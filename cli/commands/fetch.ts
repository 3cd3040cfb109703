import { shortImageId } from '../../runtime/appc/image-id.ts';
import { ImageFinder } from '../../runtime/image/find.ts';
import { ImageStore } from '../../runtime/image/store.ts';
import type { Command } from '../command.ts';
import { requireRoot } from '../context.ts';
import { fetchOptions, fetchSettings, imageSettings, signatureOption } from '../fetch-settings.ts';
import { getSwitch, usageError } from '../options.ts';

export const command: Command = {
  name: 'fetch',
  summary: 'store images for later use',
  usage: '[options] IMAGE [--signature=FILE] [IMAGE ...]',
  description:
    'Puts images into the store and prints their ids. An image is named by its name (example.com/app:1.0), an https URL, a ' +
    'file, a docker:// reference or its id. Signatures are verified; what is there already is not downloaded twice.',
  options: [{ name: 'full', type: 'switch', description: 'print the whole image id' }, ...fetchOptions('update')],
  imageOptions: [signatureOption],
  async run(context, { values, apps }) {
    if (apps.length === 0) throw usageError('rkt fetch needs an image', 'for example: rkt fetch example.com/app:1.0');
    if (apps.some(({ args }) => args !== undefined)) throw usageError('rkt fetch takes no arguments for apps');
    requireRoot(context, 'fetch');
    const store = ImageStore.open(context.globals.dataDir);
    const finder = new ImageFinder(store, fetchSettings(context, values));
    try {
      for (const { image, values: own } of apps) {
        const { id } = await finder.fetch(image, imageSettings(own));
        context.out(`${getSwitch(values, 'full') ? id : shortImageId(id)}\n`);
      }
    } finally {
      await finder.close();
    }
    return 0;
  },
};
