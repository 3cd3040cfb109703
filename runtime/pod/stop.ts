/**
 * Stopping pods: stage1's `stop` asks the pod to end, or kills it; then the pod's lock tells when it has. The lock is free when
 * the monitor has undone everything, so whoever waits for it may start the next pod on the same address or port.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { RktError } from '../base/errors.ts';
import { podFiles } from '../base/paths.ts';
import { environmentOfCaller } from '../stage1/become.ts';
import { stopArguments } from '../stage1/stage1-arguments.ts';
import { isLocked } from './pod-dir.ts';
import type { PodEntry } from './pods.ts';
import { stage1OfPod } from './stage1-of-pod.ts';

export interface StopOptions {
  readonly dataDir: string;
  /** Kill it. */
  readonly force: boolean;
  /** Milliseconds after which it is killed if it has not ended; undefined: the pod's own time. */
  readonly timeoutMs: number | undefined;
}

/** How long to wait before looking again: most pods end at once, some take their time. */
const shortestPause = 1;
const longestPause = 20;

/** Milliseconds in which a pod without processes is taken down, on a host with a lot to do. */
const endingTime = 5000;

/**
 * Stops a running pod and resolves when it has ended. One that is just being started is stopped as soon as it can be.
 * Errors: ESTOP.
 */
export async function stopPod(pod: PodEntry, options: StopOptions): Promise<void> {
  await waitUntil(() => hasEnded(pod, options) || isStarted(pod));
  await signal(pod, options, options.force);
  const ended = await waitUntil(() => hasEnded(pod, options), options.timeoutMs);
  if (ended) return;
  await signal(pod, options, true);
  await waitUntil(() => hasEnded(pod, options));
}

/** A stage1 that is an image may write the one file or the other. */
const isStarted = ({ dir }: PodEntry): boolean => existsSync(podFiles.pid(dir)) || existsSync(podFiles.ppid(dir));

/** Undefined: a gc has taken it since, which it does with pods that have ended. */
const hasEnded = (pod: PodEntry, { dataDir }: StopOptions): boolean => isLocked(dataDir, 'run', pod.uuid) !== true;

async function signal(pod: PodEntry, options: StopOptions, force: boolean): Promise<void> {
  if (hasEnded(pod, options)) return;
  const { program, args } = stage1OfPod(options.dataDir, pod.dir).command('stop', stopArguments(pod.uuid, force));
  const { status, stderr, error } = spawnSync(program, args, {
    cwd: pod.dir,
    env: environmentOfCaller(),
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  // One whose processes have ended already cannot be asked any more, and has its lock until everything is undone.
  if (status === 0 || (await waitUntil(() => hasEnded(pod, options), endingTime))) return;
  const reason = error?.message ?? stderr.trim().replace(/^rkt: /, '');
  throw new RktError(reason === '' ? `stopping the pod ${pod.uuid}: stage1 ended with ${status}` : reason, {
    code: 'ESTOP',
    cause: error,
  });
}

/** False where the time was up before. */
async function waitUntil(condition: () => boolean, timeoutMs = Number.POSITIVE_INFINITY): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (let pause = shortestPause; !condition(); pause = Math.min(pause * 2, longestPause)) {
    const left = deadline - performance.now();
    if (left <= 0) return false;
    await setTimeout(Math.min(pause, left));
  }
  return true;
}
