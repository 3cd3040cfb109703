import type { Command } from '../../command.ts';
import { requireRoot } from '../../context.ts';
import { getDuration } from '../../options.ts';
import { openStore, useOf } from './stored.ts';

export const command: Command = {
  name: 'image gc',
  summary: 'remove images that nobody has used for a while',
  usage: '[--grace-period=DURATION]',
  description:
    'Removes images that were neither fetched nor used during the grace period and that no pod is made of, and everything ' +
    'in the store that belongs to no image any more. Meant for a timer.',
  options: [
    {
      name: 'grace-period',
      type: 'duration',
      placeholder: 'DURATION',
      default: '24h0m0s',
      description: 'how long an image stays since it was used last',
    },
  ],
  async run(context, { values }) {
    requireRoot(context, 'image gc');
    const { collectImages } = await import('../../../runtime/image/manage/index.ts');
    let removed = 0;
    const trees = collectImages(openStore(context), {
      usedBefore: new Date(Date.now() - getDuration(values, 'grace-period')),
      findUse: useOf(context),
      onRemoved: ({ id, name }) => {
        context.log.info(`successfully removed aci for image: "${id}" ("${name}")`);
        removed += 1;
      },
    });
    for (const tree of trees) context.log.info(`removed treestore "${tree}"`);
    context.log.info(`${removed} image(s) successfully removed`);
    return 0;
  },
};
