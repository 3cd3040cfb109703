/**
 * Unpacks layers, several at a time, in a thread of its own: hashing and writing files would otherwise hold up the downloads.
 * Decompression has further threads, those of libuv.
 */

import { parentPort } from 'node:worker_threads';
import { Budget } from './budget.ts';
import { type FromWorker, failureOf, type Said, type StartLayer, type ToWorker } from './layer-messages.ts';
import { unpackLayer } from './unpack-layer.ts';

if (parentPort === null) throw new Error('this file runs as a worker thread only');
const port = parentPort;

type Say = (message: Said<FromWorker>, transfer?: ArrayBuffer[]) => void;

/** Bytes that have come and are not used up, as the iterable that unpacking reads from. */
class Inbox {
  readonly #say: Say;
  #waiting: { buffer: ArrayBuffer; length: number }[] = [];
  #ended = false;
  #aborted = false;
  #wake: () => void = () => {};

  constructor(say: Say) {
    this.#say = say;
  }

  push(buffer: ArrayBuffer, length: number): void {
    this.#waiting.push({ buffer, length });
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  abort(): void {
    this.#aborted = true;
    this.#wake();
  }

  async *chunks(): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.#aborted) throw new Error('the download was given up');
      const next = this.#waiting.shift();
      if (next !== undefined) {
        // Streams keep chunks for a while, so what they get is a copy; the large buffer goes back to be filled again.
        yield Buffer.from(Buffer.from(next.buffer, 0, next.length));
        this.#say({ type: 'taken', buffer: next.buffer }, [next.buffer]);
      } else if (this.#ended) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

const inboxes = new Map<number, Inbox>();

async function work(job: number, { budget, maxBytes, ...options }: StartLayer): Promise<void> {
  const say: Say = (message, transfer = []) => port.postMessage({ job, ...message } satisfies FromWorker, transfer);
  const inbox = new Inbox(say);
  inboxes.set(job, inbox);
  try {
    const layer = await unpackLayer(inbox.chunks(), {
      ...options,
      budget: new Budget(budget, maxBytes),
      warn: (message) => say({ type: 'warn', message }),
    });
    say({ type: 'done', layer });
  } catch (error) {
    say({ type: 'failed', failure: failureOf(error) });
  } finally {
    inboxes.delete(job);
  }
}

// What comes for a layer that has failed already is too late.
port.on('message', (message: ToWorker) => {
  const inbox = inboxes.get(message.job);
  switch (message.type) {
    case 'start':
      void work(message.job, message);
      break;
    case 'data':
      inbox?.push(message.buffer, message.length);
      break;
    case 'end':
      inbox?.end();
      break;
    case 'abort':
      inbox?.abort();
  }
});
