/** Waiting until something holds for one pod, without asking again and again. */

import { RktError } from '../../base/errors.ts';
import { podPhaseDir, podPhases } from '../../base/paths.ts';
import { podByUuid } from '../find.ts';
import type { PodEntry } from '../pods.ts';
import { Directories, whenUnlocked } from './directories.ts';
import { Wakeup } from './wakeup.ts';

/**
 * The pod as it is when `reached` holds, or undefined where that takes longer than `period` milliseconds. Errors: ENOPOD where the pod
 * is removed meanwhile.
 */
export async function waitForPod(
  dataDir: string,
  uuid: string,
  reached: (pod: PodEntry) => boolean,
  period: number,
): Promise<PodEntry | undefined> {
  const deadline = performance.now() + period;
  const wakeup = new Wakeup();
  const directories = new Directories();
  try {
    // Before the first look, so that no move is missed.
    for (const phase of podPhases) {
      directories.add(phase, podPhaseDir(dataDir, phase), (name) => {
        if (name === uuid) wakeup.wake();
      });
    }
    return await watchUntil(dataDir, uuid, reached, { deadline, wakeup, directories });
  } finally {
    directories.close();
  }
}

interface Watching {
  readonly deadline: number;
  readonly wakeup: Wakeup;
  readonly directories: Directories;
}

async function watchUntil(
  dataDir: string,
  uuid: string,
  reached: (pod: PodEntry) => boolean,
  { deadline, wakeup, directories }: Watching,
): Promise<PodEntry | undefined> {
  let waitsForLock = false;
  const freed = (): void => {
    waitsForLock = false;
    wakeup.wake();
  };
  for (;;) {
    const pod = podByUuid(dataDir, uuid);
    if (pod === undefined) throw removed(uuid);
    if (reached(pod)) return pod;
    if (performance.now() >= deadline) return undefined;
    directories.add('pod', pod.dir, wakeup.wake);
    if (!waitsForLock && (pod.state === 'preparing' || pod.state === 'running')) {
      waitsForLock = whenUnlocked(pod.dir, freed);
    }
    // Between the look and the watch something may have happened that nobody told.
    const now = podByUuid(dataDir, uuid);
    if (now !== undefined && now.state === pod.state && !reached(now)) await wakeup.next(deadline);
  }
}

const removed = (uuid: string): RktError =>
  new RktError(`pod ${uuid} was removed while it was waited for`, { code: 'ENOPOD' });
