/** Ends a service that was started for the pods of one command, once nobody needs it. */

/** How long a service waits for its first pod. */
export const firstPodMs = 30_000;

export class IdleWatch {
  readonly #onIdle: () => void;
  #timer: NodeJS.Timeout | undefined;
  #pods = 0;

  /** Calls `onIdle` after `graceMs` unless a pod was registered by then, and whenever the last pod has gone. */
  constructor(graceMs: number, onIdle: () => void) {
    this.#onIdle = onIdle;
    this.#timer = setTimeout(onIdle, graceMs);
  }

  /** @param pods how many pods there are now. */
  update(pods: number): void {
    this.stop();
    this.#pods = pods;
    // A pod that takes a dead one's place is there by then.
    if (pods === 0) setImmediate(() => this.#pods === 0 && this.#onIdle());
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
