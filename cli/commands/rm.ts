import { isRktError, messageOf } from '../../runtime/base/errors.ts';
import { findPod } from '../../runtime/pod/find.ts';
import { removeOne } from '../../runtime/pod/remove.ts';
import { builtinStage1 } from '../../runtime/stage1/builtin.ts';
import { type Command, failureCode } from '../command.ts';
import { type Context, requireRoot } from '../context.ts';
import { podArguments, uuidFileOption } from '../pod-arguments.ts';

export const command: Command = {
  name: 'rm',
  summary: 'remove pods at once',
  usage: '[--uuid-file=FILE] UUID...',
  description:
    'Removes pods that have exited, that were prepared and never run, or whose making failed, with everything that is left of ' +
    'them, and prints their UUIDs. A running pod has to be stopped first.',
  maxArgs: Infinity,
  options: [uuidFileOption],
  run(context, { values, args }) {
    const pods = podArguments('rm', args, values);
    requireRoot(context, 'rm');
    const removed = pods.filter((pod) => tryRemove(context, pod));
    return removed.length === pods.length ? 0 : failureCode;
  },
};

/** One that cannot be removed does not keep the others from it. */
function tryRemove(context: Context, pod: string): boolean {
  const { dataDir } = context.globals;
  try {
    const entry = findPod(dataDir, pod);
    removeOne(entry, { dataDir, stage1Gc: builtinStage1().gc, log: context.log });
    context.out(`"${entry.uuid}"\n`);
    return true;
  } catch (error) {
    context.err(`rkt: ${messageOf(error)}\n`);
    if (isRktError(error) && error.hint !== undefined) context.err(`rkt: ${error.hint}\n`);
    return false;
  }
}
