/**
 * Keeps writes in order and lets those that come while one is under way share the next: many pods that start at once wait
 * for two syncs of the disk, not for one each.
 */

export type WriteOperation = { type: 'put'; key: string; value: string } | { type: 'del'; key: string };

interface Batch {
  readonly operations: WriteOperation[];
  readonly done: Promise<void>;
}

export class WriteQueue {
  readonly #commit: (operations: WriteOperation[]) => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Batch | undefined;

  /** @param commit writes a batch durably, all of it or nothing. Never called again before it has settled. */
  constructor(commit: (operations: WriteOperation[]) => Promise<void>) {
    this.#commit = commit;
  }

  /** Resolves when the operation, and every one queued before it, is durable. Rejects with its batch. */
  write(operation: WriteOperation): Promise<void> {
    this.#next ??= this.#openBatch();
    this.#next.operations.push(operation);
    return this.#next.done;
  }

  /** Resolves when nothing is under way any more, whether it succeeded or not. */
  async idle(): Promise<void> {
    while (this.#running !== undefined || this.#next !== undefined) {
      await (this.#next?.done ?? this.#running)?.catch(() => {});
    }
  }

  #openBatch(): Batch {
    const operations: WriteOperation[] = [];
    const before = this.#running ?? Promise.resolve();
    const done = before.catch(() => {}).then(() => this.#run(operations));
    return { operations, done };
  }

  async #run(operations: WriteOperation[]): Promise<void> {
    this.#next = undefined;
    const running = this.#commit(operations);
    this.#running = running;
    try {
      await running;
    } finally {
      if (this.#running === running) this.#running = undefined;
    }
  }
}
