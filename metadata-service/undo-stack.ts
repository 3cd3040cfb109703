import { messageOf } from '../runtime/base/errors.ts';
import type { Log } from '../runtime/base/log.ts';

/** What is to be done when the service stops, last thing first. A step that fails does not keep the others from being done. */
export class UndoStack {
  readonly #log: Log;
  readonly #steps: { what: string; step: () => Promise<void> }[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  add(what: string, step: () => Promise<void>): void {
    this.#steps.push({ what, step });
  }

  async run(): Promise<void> {
    for (const { what, step } of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        this.#log.warn(`stopping the metadata service: ${what}: ${messageOf(error)}`);
      }
    }
  }
}
