/** What the layers of one image may unpack to, together. */

import { ArchiveError } from '../errors.ts';
import { maxEntries } from '../limits.ts';

export class Budget {
  /** The bytes allowed in the beginning, for messages. */
  readonly #maxBytes: number;
  #bytes: number;
  #entries = maxEntries;

  private constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#bytes = maxBytes;
  }

  static of(maxBytes: number): Budget {
    return new Budget(maxBytes);
  }

  takeBytes(count: number): void {
    this.#bytes -= count;
    if (this.#bytes >= 0) return;
    throw new ArchiveError(`the image unpacks to more than ${this.#maxBytes} bytes, nine tenths of what is free`);
  }

  takeEntry(): void {
    this.#entries -= 1;
    if (this.#entries >= 0) return;
    throw new ArchiveError(`the image has more than ${maxEntries} entries`);
  }

  /** For one attempt at a layer, which may have to be begun anew. */
  attempt(): Attempt {
    return new Attempt(this);
  }

  giveBack(bytes: number, entries: number): void {
    this.#bytes += bytes;
    this.#entries += entries;
  }
}

/** Takes from a budget, and knows how much that was. */
export class Attempt {
  readonly #budget: Budget;
  #bytes = 0;
  #entries = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  takeBytes(count: number): void {
    this.#bytes += count;
    this.#budget.takeBytes(count);
  }

  takeEntry(): void {
    this.#entries += 1;
    this.#budget.takeEntry();
  }

  /** What was unpacked is gone. */
  undo(): void {
    this.#budget.giveBack(this.#bytes, this.#entries);
    this.#bytes = this.#entries = 0;
  }
}
