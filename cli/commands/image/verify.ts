import { messageOf } from '../../../runtime/base/errors.ts';
import { type Command, failureCode } from '../../command.ts';
import { requireRoot } from '../../context.ts';
import { usageError } from '../../options.ts';
import { findStored, openStore, useOf } from './stored.ts';

export const command: Command = {
  name: 'image verify',
  summary: 'check stored images against their hashes',
  usage: 'IMAGE...',
  description:
    'Reads stored images whole: the archive against its hashes, the extracted files against the archive. Files that are ' +
    'damaged are extracted again where no pod runs on them.',
  maxArgs: Infinity,
  options: [],
  async run(context, { args }) {
    if (args.length === 0) throw usageError('rkt image verify needs an image');
    requireRoot(context, 'image verify');
    const { checkImage, damageError, repairTree } = await import('../../../runtime/image/manage/index.ts');
    const store = openStore(context);
    let failures = 0;
    for (const text of args) {
      const info = await findStored(context, store, text);
      const findings = await checkImage(store, info);
      const damaged = findings.archive !== undefined || findings.tree.length > 0;
      if (findings.archive === undefined && damaged) {
        for (const difference of findings.tree) context.log.warn(`image "${text}": ${difference}`);
      }
      const repaired =
        findings.archive === undefined && damaged && (await repairTree(store, info, useOf(context), context.log));
      if (damaged && !repaired) {
        const error = damageError(info, findings);
        if (args.length === 1) throw error;
        context.log.info(messageOf(error));
        failures += 1;
        continue;
      }
      const what = repaired ? 'repaired' : 'successfully verified checksum for';
      context.out(`${what} image: "${text}" ("${info.id}")\n`);
    }
    return failures === 0 ? 0 : failureCode;
  },
};
