import { isRktError, messageOf } from '../../runtime/base/errors.ts';
import { findPod } from '../../runtime/pod/find.ts';
import type { PodEntry } from '../../runtime/pod/pods.ts';
import { removeOne } from '../../runtime/pod/remove.ts';
import { stopPod } from '../../runtime/pod/stop.ts';
import { type Command, failureCode } from '../command.ts';
import { type Context, requireRoot } from '../context.ts';
import { getSwitch } from '../options.ts';
import { podArguments, uuidFileOption } from '../pod-arguments.ts';

export const command: Command = {
  name: 'rm',
  summary: 'remove pods at once',
  usage: '[--force] [--uuid-file=FILE] UUID...',
  description:
    'Removes pods that have exited, that were prepared and never run, or whose making failed, with everything that is left of ' +
    'them, and prints their UUIDs. A running pod has to be stopped first.',
  maxArgs: Infinity,
  options: [{ name: 'force', type: 'switch', description: 'kill pods that run' }, uuidFileOption],
  async run(context, { values, args }) {
    const pods = podArguments('rm', args, values);
    requireRoot(context, 'rm');
    let failures = 0;
    for (const pod of pods) failures += (await tryRemove(context, pod, getSwitch(values, 'force'))) ? 0 : 1;
    return failures === 0 ? 0 : failureCode;
  },
};

/** One that cannot be removed does not keep the others from it. */
async function tryRemove(context: Context, pod: string, force: boolean): Promise<boolean> {
  const { dataDir } = context.globals;
  try {
    let entry = findPod(dataDir, pod);
    if (force && entry.state === 'running') entry = await killed(entry, dataDir);
    await removeOne(entry, { dataDir, localConfig: context.globals.localConfig, log: context.log });
    context.out(`"${entry.uuid}"\n`);
    return true;
  } catch (error) {
    context.err(`rkt: ${messageOf(error)}\n`);
    if (isRktError(error) && error.hint !== undefined) context.err(`rkt: ${error.hint}\n`);
    return false;
  }
}

/** The pod as it is when it has been killed. */
async function killed(pod: PodEntry, dataDir: string): Promise<PodEntry> {
  await stopPod(pod, { dataDir, force: true, timeoutMs: undefined });
  return findPod(dataDir, pod.uuid);
}
