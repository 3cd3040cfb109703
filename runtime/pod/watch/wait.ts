/** Waiting until something holds for one pod, without asking again and again. */

import { RktError } from '../../base/errors.ts';
import { podPhaseDir, podPhases } from '../../base/paths.ts';
import { podByUuid } from '../find.ts';
import type { PodEntry } from '../pods.ts';
import { Directories, whenUnlocked } from './directories.ts';
import { Wakeup } from './wakeup.ts';

/** Watches one pod, for any number of waits. */
export class PodWatch implements Disposable {
  readonly #dataDir: string;
  readonly #uuid: string;
  readonly #wakeup = new Wakeup();
  readonly #directories = new Directories();
  /** There is one wait for the lock at most: each holds it for a moment in the end, in which others cannot have it. */
  #waitsForLock = false;

  constructor(dataDir: string, uuid: string) {
    this.#dataDir = dataDir;
    this.#uuid = uuid;
  }

  /**
   * The pod as it is when `reached` holds, or undefined where that takes longer than `period` milliseconds. Errors: ENOPOD where the pod
   * is removed meanwhile.
   */
  async until(reached: (pod: PodEntry) => boolean, period = Number.POSITIVE_INFINITY): Promise<PodEntry | undefined> {
    const deadline = performance.now() + period;
    // Before the first look, so that no move is missed.
    this.#watchPhases();
    for (;;) {
      const pod = this.#look();
      if (pod === undefined) throw removed(this.#uuid);
      if (reached(pod)) return pod;
      if (performance.now() >= deadline) return undefined;
      this.#watch(pod);
      // Between the look and the watch something may have happened that nobody told.
      const now = this.#look();
      if (now !== undefined && now.state === pod.state && !reached(now)) await this.#wakeup.next(deadline);
    }
  }

  [Symbol.dispose](): void {
    this.#directories.close();
  }

  #look(): PodEntry | undefined {
    return podByUuid(this.#dataDir, this.#uuid);
  }

  #watchPhases(): void {
    for (const phase of podPhases) {
      this.#directories.add(phase, podPhaseDir(this.#dataDir, phase), (name) => {
        if (name === this.#uuid) this.#wakeup.wake();
      });
    }
  }

  #watch({ dir, state }: PodEntry): void {
    this.#directories.add('pod', dir, this.#wakeup.wake);
    if (this.#waitsForLock || (state !== 'preparing' && state !== 'running')) return;
    this.#waitsForLock = whenUnlocked(dir, () => {
      this.#waitsForLock = false;
      this.#wakeup.wake();
    });
  }
}

const removed = (uuid: string): RktError =>
  new RktError(`pod ${uuid} was removed while it was waited for`, { code: 'ENOPOD' });
