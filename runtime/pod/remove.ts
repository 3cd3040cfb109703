/** `rkt rm`: pods that do not run, removed at once with all that is left of them. */

import { errnoOf, messageOf, RktError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { PodPhase } from '../base/paths.ts';
import { type CollectOptions, collect, holdPatiently } from './collect.ts';
import { failureOf } from './failure.ts';
import { freeName } from './names.ts';
import { type HeldPod, moveTo, release } from './pod-dir.ts';
import { readSettings } from './pod-settings.ts';
import type { PodEntry } from './pods.ts';
import type { PodState } from './state.ts';

/** Why a pod cannot be removed now. */
const obstacles: Partial<Readonly<Record<PodState, string>>> = {
  embryo: 'it is being prepared',
  preparing: 'it is being prepared',
  running: 'it is running',
  'exited deleting': 'it is being removed already',
  deleting: 'it is being removed already',
};

/** Where a pod lies while it is removed: what is left of it after a crash is then gc's. */
const garbageOf: Readonly<Record<PodPhase, PodPhase>> = {
  embryo: 'garbage',
  prepare: 'garbage',
  prepared: 'garbage',
  run: 'exited-garbage',
  'exited-garbage': 'exited-garbage',
  garbage: 'garbage',
};

/** Errors: EBUSY where the pod is in use; those of taking it apart, after which gc will try again. */
export async function removeOne(entry: PodEntry, options: CollectOptions): Promise<void> {
  const { dataDir } = options;
  const { uuid, phase, state } = entry;
  const obstacle = obstacles[state];
  if (obstacle !== undefined) throw busy(uuid, obstacle);
  const found = holdPatiently(dataDir, phase, uuid);
  if (found === undefined) throw busy(uuid, phase === 'prepared' ? 'it is being started' : 'somebody else is at it');
  const pod = toGarbage(found, dataDir);
  try {
    giveUpName(pod, dataDir, options.log);
    await collect(pod, options);
  } catch (error) {
    release(pod);
    throw new RktError(`pod ${uuid} stays in ${pod.dir} until the next gc: ${messageOf(error)}`, {
      code: 'EPOD',
      cause: error,
    });
  }
}

function toGarbage(pod: HeldPod, dataDir: string): HeldPod {
  const phase = garbageOf[pod.phase];
  if (phase === pod.phase) return pod;
  try {
    return moveTo(dataDir, pod, phase);
  } catch (error) {
    release(pod);
    if (errnoOf(error) === 'ENOENT') throw busy(pod.uuid, 'somebody else was faster');
    throw failureOf(`removing pod ${pod.uuid}`, error);
  }
}

/** Where nobody can tell the name any more, gc frees it: the pod that it stands for is gone. */
function giveUpName(pod: HeldPod, dataDir: string, log: Log): void {
  try {
    const { name } = readSettings(pod.dir);
    if (name !== undefined) freeName(dataDir, name, pod.uuid);
  } catch (error) {
    log.debug(`pod ${pod.uuid}: ${messageOf(error)}`);
  }
}

const busy = (uuid: string, reason: string): RktError =>
  new RktError(`pod ${uuid} cannot be removed: ${reason}`, {
    code: 'EBUSY',
    ...(reason === obstacles.running ? { hint: `stop it first: rkt stop ${uuid.slice(0, 8)}` } : {}),
  });
