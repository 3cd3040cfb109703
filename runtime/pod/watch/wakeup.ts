/** Waiting for whichever of several things happens first, with nothing lost in between. */
export class Wakeup {
  #woken = false;
  #wake: (() => void) | undefined;

  /** Something happened. Remembered until somebody has waited. */
  readonly wake = (): void => {
    this.#woken = true;
    this.#wake?.();
  };

  /** Waits for the next {@link wake}, or that which was since the last time; at most until `deadline` (performance.now()). */
  async next(deadline = Infinity): Promise<void> {
    if (!this.#woken) await this.#sleep(deadline - performance.now());
    this.#woken = false;
  }

  async #sleep(period: number): Promise<void> {
    await new Promise<void>((resolve) => {
      // setTimeout counts in 31 bits, and would take more for nothing.
      const timer = Number.isFinite(period)
        ? setTimeout(resolve, Math.min(Math.max(0, period), 2 ** 31 - 1))
        : undefined;
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
