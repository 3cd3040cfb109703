/** One pass over a layer: its bytes are hashed as they are, decompressed, hashed again, and unpacked. */

import type { Hash } from 'node:crypto';
import { closeSync, constants, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { native } from '../../../native/index.ts';
import { decompress, detectCompression } from '../decompress.ts';
import { ArchiveError } from '../errors.ts';
import type { TarEntry } from '../tar-entry.ts';
import { TarReader } from '../tar-reader.ts';
import { encodeMarker, markerOf, rootfsOf } from '../tree-check.ts';
import type { Budget } from './budget.ts';
import { type Digest, hashFor } from './digest.ts';
import { BufferCount } from './garbage.ts';
import { type LayerSummary, LayerTree } from './layer-tree.ts';

export interface UnpackOptions {
  /** A new directory; the tree goes to its `rootfs`, and the marker of a complete tree beside it. */
  readonly treeDir: string;
  /** Of the layer as it comes. */
  readonly digest: Digest;
  /** Of the layer uncompressed. */
  readonly diffId: Digest;
  readonly lowest: boolean;
  readonly budget: Budget;
  readonly warn: (message: string) => void;
}

export interface UnpackedLayer extends LayerSummary {
  /** Bytes of the uncompressed archive. */
  size: number;
}

/** Enough to tell a compression by. */
const headBytes = 6;

/** The first chunks, at least {@link headBytes} together where there are as many, and an iterator over all of them. */
async function peek(source: AsyncIterable<Buffer>): Promise<{ head: Buffer; all: AsyncGenerator<Buffer> }> {
  const iterator = source[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  let length = 0;
  while (length < headBytes) {
    const { value, done } = await iterator.next();
    if (done === true) break;
    first.push(value);
    length += value.length;
  }
  async function* all(): AsyncGenerator<Buffer> {
    try {
      yield* first;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head: Buffer.concat(first).subarray(0, headBytes), all: all() };
}

async function* hashed(chunks: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Counts entries against the budget on their way. */
class CountedTree extends LayerTree {
  readonly #budget: Budget;

  constructor(budget: Budget, ...[options]: ConstructorParameters<typeof LayerTree>) {
    super(options);
    this.#budget = budget;
  }

  override begin(entry: TarEntry): void {
    this.#budget.takeEntry();
    super.begin(entry);
  }
}

function check(what: string, expected: Digest, hash: Hash): void {
  const actual = `${expected.slice(0, expected.indexOf(':'))}:${hash.digest('hex')}`;
  if (actual !== expected) throw new ArchiveError(`its ${what} is ${actual}, not ${expected} as promised`);
}

/**
 * Unpacks a layer and checks it. Throws ArchiveError for what is wrong with it; the tree is complete, marked and ready to be
 * put in place when it returns, and on disk.
 */
export async function unpackLayer(source: AsyncIterable<Buffer>, options: UnpackOptions): Promise<UnpackedLayer> {
  const { treeDir, digest, diffId, budget, lowest, warn } = options;
  const { head, all } = await peek(source);
  const compression = detectCompression(head);
  if (compression === 'bzip2' || compression === 'xz') {
    throw new ArchiveError(`it is compressed with ${compression}; layers are compressed with gzip or zstd`);
  }
  const raw = hashFor(digest);
  const tar = hashFor(diffId);
  mkdirSync(treeDir, { mode: 0o700 });
  mkdirSync(rootfsOf(treeDir), { mode: 0o700 });
  const root = openSync(rootfsOf(treeDir), constants.O_RDONLY | constants.O_DIRECTORY);
  const tree = new CountedTree(budget, { root, lowest, warn });
  const reader = new TarReader(tree);
  const buffers = new BufferCount();
  let size = 0;
  try {
    await decompress(hashed(all, raw), compression, (chunk) => {
      budget.takeBytes(chunk.length);
      size += chunk.length;
      tar.update(chunk);
      reader.write(chunk);
      buffers.add(chunk.length);
    });
    reader.end();
    check('digest', digest, raw);
    check('uncompressed digest', diffId, tar);
    const summary = tree.finish();
    writeFileSync(markerOf(treeDir), encodeMarker(summary), { flag: 'wx', mode: 0o600 });
    // Here, in the thread of this layer, it keeps nobody else from going on.
    native.syncfs(root);
    return { ...summary, size };
  } finally {
    tree.abort();
    closeSync(root);
  }
}
