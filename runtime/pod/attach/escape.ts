/** The way out of a terminal that takes every key: `^]` three times within a second, as in an interactive pod. Pure. */

const key = 0x1d;
const times = 3;
const period = 1000;

export class EscapeDetector {
  readonly #typed: number[] = [];

  /** Whether the third of them is in what was typed at `now` (milliseconds). */
  isTyped(data: Uint8Array, now: number): boolean {
    for (const byte of data) {
      if (byte !== key) {
        this.#typed.length = 0;
        continue;
      }
      this.#typed.push(now);
      if (this.#typed.length > times) this.#typed.shift();
      if (this.#typed.length === times && now - (this.#typed[0] as number) <= period) return true;
    }
    return false;
  }
}
