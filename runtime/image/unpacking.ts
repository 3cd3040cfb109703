/**
 * One pass over an archive, in steps that go on at the same time: while a piece is being decompressed and hashed, the one before
 * it is read as a tar archive, and the one before that is written to files. Everything but the reading is done by libuv's
 * threads, in buffers that are used again.
 */

import { type StreamOptions, UnpackStream } from '../../native/unpack.ts';
import { errnoOf } from '../base/errors.ts';
import { BufferPool } from './buffer-pool.ts';
import type { Content } from './content.ts';
import { ArchiveError } from './errors.ts';

/** Bytes of one buffer: a call per buffer costs little, and all of it stays in the processor's cache on its way. */
const bufferBytes = 256 * 1024;

/** Buffers for what comes in: one being filled, one being unpacked. */
const inputs = 2;

/** Buffers for what comes out: one each being decompressed to, read, written. */
const outputs = 3;

const nothing = Buffer.alloc(0);

/** Compressions that are unpacked here. */
export const isNative = (compression: string): compression is StreamOptions['compression'] =>
  compression === 'none' || compression === 'gzip' || compression === 'zstd';

export interface Digests {
  /** Hex, of the bytes as they came; empty where none was asked for. */
  readonly raw: string;
  readonly content: string;
}

export class Unpacking {
  readonly #stream: UnpackStream;
  readonly #compression: StreamOptions['compression'];
  readonly #content: Content;
  readonly #inputs: BufferPool;
  readonly #outputs = new BufferPool(outputs, bufferBytes);
  /** What has been decompressed and not been read. */
  #ready: { buffer: Buffer; length: number } | undefined;
  #busy: Promise<void> = Promise.resolve();

  constructor(options: StreamOptions, content: Content) {
    this.#stream = new UnpackStream(options);
    this.#compression = options.compression;
    this.#content = content;
    // Without compression what comes in is what is read and written.
    this.#inputs = new BufferPool(options.compression === 'none' ? outputs : inputs, bufferBytes);
  }

  /** A buffer to be filled with the next bytes. */
  room(): Promise<Buffer> {
    return this.#inputs.take();
  }

  /** Takes the first `length` bytes of a buffer of {@link room}. Calls do not overlap: the next comes when it has resolved. */
  push(input: Buffer, length: number): Promise<void> {
    this.#busy = this.#push(input, length);
    return this.#busy;
  }

  /** Everything has been pushed. Resolves when all of it has been read and written. */
  async end(): Promise<Digests> {
    await this.#readReady();
    const digests = this.#explaining(() => this.#stream.end());
    await this.#content.end();
    return digests;
  }

  /** After a failure: resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    await this.#busy.catch(() => {});
  }

  async #push(input: Buffer, length: number): Promise<void> {
    if (this.#compression === 'none') await this.#passOn(input, length);
    else {
      await this.#decompress(input, length);
      this.#inputs.give(input);
    }
  }

  /** Hashed and read at the same time. */
  async #passOn(input: Buffer, length: number): Promise<void> {
    const bytes = input.subarray(0, length);
    const hashed = this.#stream.step(bytes, nothing);
    const released = Promise.withResolvers<void>();
    try {
      await this.#content.take(bytes, released.resolve);
    } finally {
      await hashed;
    }
    released.promise.then(() => this.#inputs.give(input));
  }

  async #decompress(input: Buffer, length: number): Promise<void> {
    let at = 0;
    let more = true;
    while (at < length || more) {
      const output = await this.#outputs.take();
      const stepping = this.#stream.step(input.subarray(at, length), output);
      try {
        await this.#readReady();
      } finally {
        // Its buffers are in use until it is done, whatever happens.
        await stepping.catch(() => {});
      }
      const { consumed, produced } = await this.#explain(stepping);
      at += consumed;
      more = produced === output.length;
      if (produced > 0) this.#ready = { buffer: output, length: produced };
      else this.#outputs.give(output);
    }
  }

  async #readReady(): Promise<void> {
    const ready = this.#ready;
    this.#ready = undefined;
    if (ready === undefined) return;
    await this.#content.take(ready.buffer.subarray(0, ready.length), () => this.#outputs.give(ready.buffer));
  }

  async #explain<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #explaining<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #explained(error: unknown): unknown {
    if (errnoOf(error) !== 'EBADMSG') return error;
    return new ArchiveError(`its ${this.#compression} compression is damaged or cut short`, error);
  }
}
