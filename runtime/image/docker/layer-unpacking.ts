/** One pass over a layer as it is downloaded: its bytes are hashed, decompressed, hashed again, and unpacked. */

import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { Content } from '../content.ts';
import { detectCompression } from '../decompress.ts';
import { ArchiveError } from '../errors.ts';
import type { TarEntry } from '../tar-entry.ts';
import { TarReader } from '../tar-reader.ts';
import { rootfsOf, writeUnsettled } from '../tree-check.ts';
import { isNative, Unpacking } from '../unpacking.ts';
import type { Attempt } from './budget.ts';
import { algorithmOf, type Digest } from './digest.ts';
import { type LayerSummary, LayerTree } from './layer-tree.ts';

export interface LayerOptions {
  /** A new directory; the tree goes to its `rootfs`, and the marker of a complete tree beside it. */
  readonly treeDir: string;
  /** Of the layer as it comes. */
  readonly digest: Digest;
  /** Of the layer uncompressed. */
  readonly diffId: Digest;
  readonly lowest: boolean;
  readonly budget: Attempt;
  readonly warn: (message: string) => void;
}

export interface UnpackedLayer extends LayerSummary {
  /** Bytes of the uncompressed archive. */
  size: number;
  /** Hard links to what the layers below have; the tree has no marker then (loose-links.ts). */
  looseLinks: readonly TarEntry[];
}

function check(what: string, expected: Digest, hex: string): void {
  const actual = `${algorithmOf(expected)}:${hex}`;
  if (actual !== expected) throw new ArchiveError(`its ${what} is ${actual}, not ${expected} as promised`);
}

/**
 * Unpacks the layer that is written to it, piece by piece. Throws ArchiveError for what is wrong with it. When it is finished the
 * tree is complete and marked; only where it has loose links it is not. Nothing of it need be on disk yet.
 */
export class LayerUnpacking {
  readonly #options: LayerOptions;
  readonly #root: number;
  readonly #tree: LayerTree;
  readonly #content: Content;
  #unpacking: Unpacking | undefined;
  #buffer: Buffer | undefined;
  #filled = 0;
  #pushing: Promise<void> = Promise.resolve();
  /** The first bytes, until there is a buffer for them. */
  #early: Buffer = Buffer.alloc(0);

  constructor(options: LayerOptions) {
    this.#options = options;
    const { treeDir, lowest, budget, warn } = options;
    mkdirSync(treeDir, { mode: 0o700 });
    mkdirSync(rootfsOf(treeDir), { mode: 0o700 });
    this.#root = openSync(rootfsOf(treeDir), constants.O_RDONLY | constants.O_DIRECTORY);
    this.#tree = new LayerTree({ root: this.#root, lowest, warn, budget });
    const count = (bytes: number): void => budget.takeBytes(bytes);
    this.#content = new Content({ reader: new TarReader(this.#tree, count), tree: this.#tree.writer, count });
  }

  /** Resolves when there is room for more. Calls do not overlap. */
  async write(chunk: Uint8Array): Promise<void> {
    const unpacking = this.#unpacking ?? this.#begin(chunk);
    if (unpacking === undefined) return;
    const bytes = this.#withEarly(chunk);
    for (let at = 0; at < bytes.length; ) {
      this.#buffer ??= await unpacking.room();
      const piece = bytes.subarray(at, at + this.#buffer.length - this.#filled);
      this.#buffer.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled === this.#buffer.length) await this.#push(unpacking);
    }
  }

  /** Everything has been written. */
  async finish(): Promise<UnpackedLayer> {
    const { digest, diffId, treeDir } = this.#options;
    const unpacking = this.#unpacking ?? (await this.#beginLate());
    await this.#push(unpacking);
    await this.#pushing;
    const { raw, content } = await unpacking.end();
    check('digest', digest, raw);
    check('uncompressed digest', diffId, content);
    const { looseLinks, ...summary } = await this.#tree.finish();
    if (looseLinks.length === 0) writeUnsettled(treeDir, summary);
    await this.close();
    return { ...summary, looseLinks, size: this.#content.size };
  }

  /** Gives the layer up, or lets go of it after {@link finish}; resolves when nothing is under way any more. */
  async close(): Promise<void> {
    await this.#unpacking?.idle();
    if (await this.#tree.close()) closeSync(this.#root);
  }

  /** Nothing is begun before the compression can be told. */
  #begin(chunk: Uint8Array, last = false): Unpacking | undefined {
    const head = Buffer.concat([this.#early, chunk.subarray(0, headBytes)]);
    if (head.length < headBytes && !last) {
      this.#early = head;
      return undefined;
    }
    const compression = detectCompression(head);
    if (!isNative(compression)) {
      throw new ArchiveError(`it is compressed with ${compression}; layers are compressed with gzip or zstd`);
    }
    const { digest, diffId } = this.#options;
    const hashes = { rawHash: algorithmOf(digest), contentHash: algorithmOf(diffId) };
    this.#unpacking = new Unpacking({ compression, ...hashes }, this.#content);
    return this.#unpacking;
  }

  async #beginLate(): Promise<Unpacking> {
    const early = this.#early;
    this.#early = Buffer.alloc(0);
    const unpacking = this.#begin(early, true) as Unpacking;
    await this.write(early);
    return unpacking;
  }

  #withEarly(chunk: Uint8Array): Uint8Array {
    if (this.#early.length === 0) return chunk;
    const all = Buffer.concat([this.#early, chunk]);
    this.#early = Buffer.alloc(0);
    return all;
  }

  /** Hands the buffer over; while it is unpacked the next one is filled. */
  async #push(unpacking: Unpacking): Promise<void> {
    await this.#pushing;
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    this.#pushing = unpacking.push(buffer, this.#filled);
    this.#pushing.catch(() => {});
    this.#buffer = undefined;
    this.#filled = 0;
  }
}

/** Enough to tell a compression by. */
const headBytes = 6;

/** Unpacks a layer whose bytes are there, or come by themselves. */
export async function unpackLayer(source: AsyncIterable<Buffer>, options: LayerOptions): Promise<UnpackedLayer> {
  const unpacking = new LayerUnpacking(options);
  try {
    for await (const chunk of source) await unpacking.write(chunk);
    return await unpacking.finish();
  } finally {
    await unpacking.close();
  }
}
