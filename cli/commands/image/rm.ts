import { messageOf } from '../../../runtime/base/errors.ts';
import { type Command, failureCode } from '../../command.ts';
import { requireRoot } from '../../context.ts';
import { usageError } from '../../options.ts';
import { findStored, openStore, useOf } from './stored.ts';

export const command: Command = {
  name: 'image rm',
  summary: 'remove images',
  usage: 'IMAGE...',
  description:
    'Removes images from the store, with everything that only they need. An image that a pod is made of stays.',
  maxArgs: Infinity,
  options: [],
  async run(context, { args }) {
    if (args.length === 0) throw usageError('rkt image rm needs an image');
    requireRoot(context, 'image rm');
    const { removeImage, removeUnused } = await import('../../../runtime/image/manage/index.ts');
    const store = openStore(context);
    const findUse = useOf(context);
    let removed = 0;
    for (const text of args) {
      try {
        const info = await findStored(context, store, text);
        removeImage(store, info, findUse);
        context.log.info(`successfully removed aci for image: "${info.id}" ("${info.name}")`);
        removed += 1;
      } catch (error) {
        // One that cannot be removed is no reason to keep the others.
        if (args.length === 1) throw error;
        context.log.info(messageOf(error));
      }
    }
    removeUnused(store, findUse);
    context.log.info(`${removed} image(s) successfully removed`);
    return removed === args.length ? 0 : failureCode;
  },
};
