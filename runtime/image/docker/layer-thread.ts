/** The other end of layer-worker.ts: a thread that unpacks layers. */

import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { messageOf } from '../../base/errors.ts';
import type { Budget } from './budget.ts';
import type { Digest } from './digest.ts';
import { BufferCount } from './garbage.ts';
import { errorOf, type FromWorker, type Said, type ToWorker } from './layer-messages.ts';
import type { UnpackedLayer } from './unpack-layer.ts';

export interface LayerJob {
  readonly treeDir: string;
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly lowest: boolean;
  readonly budget: Budget;
  readonly maxBytes: number;
  readonly warn: (message: string) => void;
}

/** Bytes handed to the thread at once: few messages, and little memory in flight. */
const slabBytes = 256 * 1024;

/** Slabs between the download and the thread. */
const maxSlabs = 4;

/** MiB; what dies young here dies very young, and node's default lets garbage pile up to many times of it. */
const youngGeneration = 4;

/** The worker's file: a bundle of its own in a release, the source in a checkout. */
const workerFile = import.meta.filename.endsWith('.ts') ? 'layer-worker.ts' : 'docker-layer-worker.cjs';

/** Unpacks the layer that is written to it. Calls do not overlap; `write` resolves when there is room for more. */
export interface LayerUnpacking {
  write(chunk: Uint8Array): Promise<void>;
  /** Everything has been written. Resolves when the layer is unpacked and checked; throws what unpackLayer throws. */
  finish(): Promise<UnpackedLayer>;
  /** Gives the layer up; resolves when the thread has let go of its files. */
  abort(): Promise<void>;
}

export class LayerThread {
  readonly #worker: Worker;
  readonly #jobs = new Map<number, Unpacking>();
  #started = 0;

  constructor() {
    this.#worker = new Worker(join(import.meta.dirname, workerFile), {
      resourceLimits: { maxYoungGenerationSizeMb: youngGeneration },
      // Descriptors that the addon opened are closed by node:fs, which node's tracking takes for a mistake.
      trackUnmanagedFds: false,
    });
    this.#worker.on('message', (message: FromWorker) => this.#jobs.get(message.job)?.receive(message));
    this.#worker.on('error', (error) => {
      for (const unpacking of this.#jobs.values()) unpacking.fail(new Error(`unpacking failed: ${messageOf(error)}`));
    });
  }

  /** Starts a layer beside those that are being unpacked. */
  unpack({ budget, warn, ...rest }: LayerJob): LayerUnpacking {
    const job = this.#started++;
    const send: Send = (message, transfer) =>
      this.#worker.postMessage({ job, ...message } satisfies ToWorker, transfer);
    const unpacking = new Unpacking(send, warn, () => this.#jobs.delete(job));
    this.#jobs.set(job, unpacking);
    send({ type: 'start', ...rest, budget: budget.shared }, []);
    return unpacking;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

type Send = (message: Said<ToWorker>, transfer: ArrayBuffer[]) => void;

class Unpacking implements LayerUnpacking {
  readonly #send: Send;
  readonly #warn: (message: string) => void;
  readonly #over: () => void;
  readonly #free: ArrayBuffer[] = [];
  #made = 0;
  #slab: ArrayBuffer | undefined;
  #filled = 0;
  #wake: () => void = () => {};
  readonly #buffers = new BufferCount();
  #outcome: { layer: UnpackedLayer } | { error: Error } | undefined;

  constructor(send: Send, warn: (message: string) => void, over: () => void) {
    this.#send = send;
    this.#warn = warn;
    this.#over = over;
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      this.#slab ??= await this.#takeSlab();
      const piece = chunk.subarray(at, at + slabBytes - this.#filled);
      new Uint8Array(this.#slab, this.#filled).set(piece);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled === slabBytes) this.#flush();
    }
    this.#buffers.add(chunk.length);
  }

  async finish(): Promise<UnpackedLayer> {
    this.#flush();
    this.#send({ type: 'end' }, []);
    while (this.#outcome === undefined) await this.#news();
    if ('error' in this.#outcome) throw this.#outcome.error;
    return this.#outcome.layer;
  }

  async abort(): Promise<void> {
    if (this.#outcome === undefined) this.#send({ type: 'abort' }, []);
    while (this.#outcome === undefined) await this.#news();
  }

  receive(message: FromWorker): void {
    if (message.type === 'warn') this.#warn(message.message);
    else if (message.type === 'taken') this.#free.push(message.buffer);
    else {
      this.#outcome = message.type === 'done' ? { layer: message.layer } : { error: errorOf(message.failure) };
      this.#over();
    }
    this.#wake();
  }

  fail(error: Error): void {
    this.#outcome ??= { error };
    this.#wake();
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #flush(): void {
    if (this.#slab !== undefined) this.#send({ type: 'data', buffer: this.#slab, length: this.#filled }, [this.#slab]);
    this.#slab = undefined;
    this.#filled = 0;
  }

  /** A layer that has failed takes no more bytes: its error ends the download. */
  async #takeSlab(): Promise<ArrayBuffer> {
    for (;;) {
      if (this.#outcome !== undefined)
        throw 'error' in this.#outcome ? this.#outcome.error : new Error('layer is over');
      const free = this.#free.pop();
      if (free !== undefined) return free;
      if (this.#made < maxSlabs) {
        this.#made += 1;
        return new ArrayBuffer(slabBytes);
      }
      await this.#news();
    }
  }
}
