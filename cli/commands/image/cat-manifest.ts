import type { Command } from '../../command.ts';
import { getValue } from '../../options.ts';
import { findStored, openStore, wantArguments } from './stored.ts';

export const command: Command = {
  name: 'image cat-manifest',
  summary: 'print the manifest of an image',
  usage: '[--pretty-print=BOOL] IMAGE',
  description: 'Prints the manifest of a stored image.',
  maxArgs: 1,
  options: [
    {
      name: 'pretty-print',
      type: 'value',
      placeholder: 'BOOL',
      default: 'true',
      bare: 'true',
      description: 'indent the JSON',
    },
  ],
  async run(context, { values, args }) {
    const [image = ''] = wantArguments(args, ['IMAGE'], 'image cat-manifest');
    const { manifestText } = await findStored(context, openStore(context), image);
    const pretty = getValue(values, 'pretty-print') !== 'false';
    context.out(`${pretty ? JSON.stringify(JSON.parse(manifestText), null, 2) : manifestText.trimEnd()}\n`);
    return 0;
  },
};
