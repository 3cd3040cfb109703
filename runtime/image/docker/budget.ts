/** What the layers of one image may unpack to, together: counted across the threads that unpack them. */

import { ArchiveError } from '../errors.ts';
import { maxEntries } from '../limits.ts';

const bytesLeft = 0;
const entriesLeft = 1;

/** Memory that all threads see; pass it to a worker and wrap it there again. */
export type SharedBudget = SharedArrayBuffer;

export class Budget {
  readonly shared: SharedBudget;
  readonly #left: BigInt64Array;
  /** The bytes allowed in the beginning, for messages. */
  readonly #maxBytes: number;

  constructor(shared: SharedBudget, maxBytes: number) {
    this.shared = shared;
    this.#left = new BigInt64Array(shared);
    this.#maxBytes = maxBytes;
  }

  static of(maxBytes: number): Budget {
    const budget = new Budget(new SharedArrayBuffer(16), maxBytes);
    budget.#left[bytesLeft] = BigInt(maxBytes);
    budget.#left[entriesLeft] = BigInt(maxEntries);
    return budget;
  }

  takeBytes(count: number): void {
    if (Atomics.sub(this.#left, bytesLeft, BigInt(count)) >= BigInt(count)) return;
    throw new ArchiveError(`the image unpacks to more than ${this.#maxBytes} bytes, nine tenths of what is free`);
  }

  takeEntry(): void {
    if (Atomics.sub(this.#left, entriesLeft, 1n) >= 1n) return;
    throw new ArchiveError(`the image has more than ${maxEntries} entries`);
  }
}
