/**
 * Stopping pods: stage1's `stop` asks the pod to end, or kills it; then the pod's lock tells when it has. The lock is free when
 * the monitor has undone everything, so whoever waits for it may start the next pod on the same address or port.
 */

import { spawnSync } from 'node:child_process';
import { isRktError, RktError } from '../base/errors.ts';
import { environmentOfCaller } from '../stage1/become.ts';
import { stopArguments } from '../stage1/stage1-arguments.ts';
import { type PodEntry, startedAt } from './pods.ts';
import { stage1OfPod } from './stage1-of-pod.ts';
import { PodWatch } from './watch/wait.ts';

export interface StopOptions {
  readonly dataDir: string;
  /** Kill it. */
  readonly force: boolean;
  /** Milliseconds after which it is killed if it has not ended; undefined: the pod's own time. */
  readonly timeoutMs: number | undefined;
}

/** Milliseconds in which a pod without processes is taken down, on a host with a lot to do. */
const endingTime = 5000;

/**
 * Stops a running pod and resolves when it has ended. One that is just being started is stopped as soon as it can be.
 * Errors: ESTOP.
 */
export async function stopPod(pod: PodEntry, options: StopOptions): Promise<void> {
  using watch = new PodWatch(options.dataDir, pod.uuid);
  await reached(watch, (now) => hasEnded(now) || startedAt(now.dir) !== undefined);
  await signal(pod, watch, options.dataDir, options.force);
  if (await reached(watch, hasEnded, options.timeoutMs)) return;
  await signal(pod, watch, options.dataDir, true);
  await reached(watch, hasEnded);
}

/** One whose start failed, and that waits again, has ended as well. */
const hasEnded = ({ state }: PodEntry): boolean => state !== 'running';

async function signal({ uuid, dir }: PodEntry, watch: PodWatch, dataDir: string, force: boolean): Promise<void> {
  if (await reached(watch, hasEnded, 0)) return;
  const { program, args } = stage1OfPod(dataDir, dir).command('stop', stopArguments(uuid, force));
  const { status, stderr, error } = spawnSync(program, args, {
    cwd: dir,
    env: environmentOfCaller(),
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  // One whose processes have ended already cannot be asked any more, and has its lock until everything is undone.
  if (status === 0 || (await reached(watch, hasEnded, endingTime))) return;
  const reason = error?.message ?? stderr.trim().replace(/^rkt: /, '');
  throw new RktError(reason === '' ? `stopping the pod ${uuid}: stage1 ended with ${status}` : reason, {
    code: 'ESTOP',
    cause: error,
  });
}

/** False where the time, in milliseconds, was up before. A pod that is gone has ended: a gc takes those. */
async function reached(watch: PodWatch, condition: (pod: PodEntry) => boolean, time?: number): Promise<boolean> {
  try {
    return (await watch.until(condition, time)) !== undefined;
  } catch (error) {
    if (isRktError(error) && error.code === 'ENOPOD') return true;
    throw error;
  }
}
