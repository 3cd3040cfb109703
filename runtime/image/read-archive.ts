/** One pass over an archive: its bytes are hashed and copied as they are, decompressed, hashed again, and unpacked. */

import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, mkdirSync, openSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { imageIdPrefix } from '../appc/image-id.ts';
import { errnoOf, RktError } from '../base/errors.ts';
import { AciLayout } from './aci-layout.ts';
import { type Compression, decompress, detectCompression } from './decompress.ts';
import { ArchiveError } from './errors.ts';
import { TarReader } from './tar-reader.ts';
import { type TreeSummary, TreeWriter } from './tree-writer.ts';

/** Bytes read at once. */
const chunkBytes = 256 * 1024;

const sourceFailures: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'permission to read it is denied',
  EISDIR: 'it is a directory',
  ELOOP: 'it has too many symbolic links',
};

/** Opens an image's file; errors name the file and the reason. O_NONBLOCK: a FIFO must not hold rkt up. */
export async function openArchive(path: string): Promise<{ handle: FileHandle; size: number }> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const reason = sourceFailures[errnoOf(error) ?? ''] ?? errnoOf(error) ?? 'it cannot be opened';
    throw new RktError(`cannot read image ${path}: ${reason}`, { code: 'EIMAGE', cause: error });
  }
  const status = await handle.stat();
  if (status.isFile()) return { handle, size: status.size };
  await handle.close();
  const reason = status.isDirectory() ? 'it is a directory' : 'it is not a regular file';
  throw new RktError(`cannot read image ${path}: ${reason}`, { code: 'EIMAGE' });
}

/**
 * The bytes of a file, from its beginning. With `reuse` all chunks share one buffer, so each is valid only until the next is
 * asked for; without, every chunk is a buffer of its own, as streams that keep chunks need it.
 */
export async function* chunksOf(handle: FileHandle, reuse = false): AsyncGenerator<Buffer> {
  const shared = reuse ? Buffer.allocUnsafeSlow(chunkBytes) : undefined;
  for (let position = 0; ; ) {
    const buffer = shared ?? Buffer.allocUnsafeSlow(chunkBytes);
    const { bytesRead } = await handle.read(buffer, 0, chunkBytes, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** `sha512-…` of a file. */
export async function digestOf(handle: FileHandle): Promise<string> {
  const hash = createHash('sha512');
  for await (const chunk of chunksOf(handle, true)) hash.update(chunk);
  return imageIdPrefix + hash.digest('hex');
}

export interface ArchiveContent {
  /** Of the archive as it is. */
  blobDigest: string;
  blobSize: number;
  /** Of the uncompressed tar. */
  id: string;
  size: number;
  manifest: Buffer;
  tree: TreeSummary;
}

export interface ReadOptions {
  /** A new file for the copy; absent: no copy is made. */
  copy?: string;
  /** A new directory for the root filesystem. */
  rootfs: string;
  /** The uncompressed tar may not have more bytes than this. */
  maxBytes: number;
  warn: (message: string) => void;
}

/** Counts and hashes. Where nothing is compressed, both sides see the same bytes and one hash does. */
class Meter {
  readonly #hash: Hash | undefined;
  bytes = 0;

  constructor(hashing: boolean) {
    this.#hash = hashing ? createHash('sha512') : undefined;
  }

  take(chunk: Buffer): void {
    this.#hash?.update(chunk);
    this.bytes += chunk.length;
  }

  digest(): string | undefined {
    return this.#hash === undefined ? undefined : imageIdPrefix + this.#hash.digest('hex');
  }
}

/** The first bytes, which tell how an archive is compressed. */
async function headOf(handle: FileHandle): Promise<Buffer> {
  const head = Buffer.alloc(8);
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  return head.subarray(0, bytesRead);
}

/** The chunks again, metered and copied on the way. */
async function* passing(chunks: AsyncGenerator<Buffer>, meter: Meter, copy: number | undefined) {
  for await (const chunk of chunks) {
    meter.take(chunk);
    for (let at = 0; copy !== undefined && at < chunk.length; ) at += writeSync(copy, chunk, at);
    yield chunk;
  }
}

/** Reads an archive whole. Throws ArchiveError for what is wrong with it, and system errors of the store's side. */
export async function readArchive(handle: FileHandle, options: ReadOptions): Promise<ArchiveContent> {
  const compression: Compression = detectCompression(await headOf(handle));
  // Without compression a chunk is used up before the next is read.
  const chunks = chunksOf(handle, compression === 'none');
  const raw = new Meter(true);
  const tar = new Meter(compression !== 'none');
  mkdirSync(options.rootfs, { mode: 0o700 });
  const rootFd = openSync(options.rootfs, constants.O_RDONLY | constants.O_DIRECTORY);
  const copyFd = options.copy === undefined ? undefined : openSync(options.copy, 'wx', 0o600);
  const tree = new TreeWriter(rootFd, options.warn);
  const layout = new AciLayout(tree);
  const reader = new TarReader(layout);
  try {
    await decompress(passing(chunks, raw, copyFd), compression, (chunk) => {
      tar.take(chunk);
      if (tar.bytes > options.maxBytes) {
        throw new ArchiveError(`it unpacks to more than ${options.maxBytes} bytes, nine tenths of what is free`);
      }
      reader.write(chunk);
    });
    reader.end();
    const manifest = layout.finish();
    const summary = tree.finish();
    const blobDigest = raw.digest() ?? '';
    return {
      blobDigest,
      blobSize: raw.bytes,
      id: tar.digest() ?? blobDigest,
      size: tar.bytes,
      manifest,
      tree: summary,
    };
  } finally {
    tree.abort();
    closeSync(rootFd);
    if (copyFd !== undefined) closeSync(copyFd);
  }
}
