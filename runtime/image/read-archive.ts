/** One pass over an archive: its bytes are hashed and copied as they are, decompressed, hashed again, and unpacked. */

import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ThreadedHash } from '../../native/hash.ts';
import { imageIdPrefix } from '../appc/image-id.ts';
import { errnoOf, RktError } from '../base/errors.ts';
import { AciLayout, type TreeSink } from './aci-layout.ts';
import { type Compression, decompress, detectCompression } from './decompress.ts';
import { ArchiveError } from './errors.ts';
import { TarReader } from './tar-reader.ts';
import { type TreeSummary, TreeWriter } from './tree-writer.ts';

/** Bytes read at once. */
const chunkBytes = 512 * 1024;

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
 * The bytes of a file, from its beginning; a chunk is read while the one before is used. With `reuse` chunks share two
 * buffers, so each is valid only until the next is asked for; without, every chunk is a buffer of its own, as streams that
 * keep chunks need it.
 */
export async function* chunksOf(handle: FileHandle, reuse = false): AsyncGenerator<Buffer> {
  const shared = reuse ? [Buffer.allocUnsafeSlow(chunkBytes), Buffer.allocUnsafeSlow(chunkBytes)] : [];
  let turn = 0;
  const read = (position: number): ReturnType<FileHandle['read']> => {
    turn = 1 - turn;
    return handle.read(shared[turn] ?? Buffer.allocUnsafeSlow(chunkBytes), 0, chunkBytes, position);
  };
  let position = 0;
  let next = read(position);
  try {
    for (;;) {
      const { bytesRead, buffer } = await next;
      if (bytesRead === 0) return;
      position += bytesRead;
      next = read(position);
      yield (buffer as Buffer).subarray(0, bytesRead);
    }
  } finally {
    // Whoever stops early closes the file next.
    await next.catch(() => undefined);
  }
}

/** `sha512-…` of a file. */
export async function digestOf(handle: FileHandle): Promise<string> {
  const hash = new ThreadedHash('sha512');
  for await (const chunk of chunksOf(handle, true)) await hash.update(chunk);
  return imageIdPrefix + hash.hex();
}

export interface ArchiveContent {
  /** Of the archive as it is. */
  blobDigest: string;
  blobSize: number;
  /** Of the uncompressed tar. */
  id: string;
  size: number;
  manifest: Buffer;
  /** Undefined where nothing was extracted. */
  tree: TreeSummary | undefined;
}

export interface ReadOptions {
  /** A new file for the copy; absent: no copy is made. */
  copy?: string;
  /** A new directory for the root filesystem; absent: nothing is extracted, the archive is only read and hashed. */
  rootfs?: string;
  /** Where the root filesystem goes instead. */
  tree?: TreeSink;
  /** The uncompressed tar may not have more bytes than this. */
  maxBytes: number;
  warn: (message: string) => void;
}

/** Counts and hashes. Where nothing is compressed, both sides see the same bytes and one hash does. */
class Meter {
  readonly #hash: ThreadedHash | undefined;
  bytes = 0;

  constructor(hashing: boolean) {
    this.#hash = hashing ? new ThreadedHash('sha512') : undefined;
  }

  /** The chunk must stay as it is until the promise settles, and the next may come only then. */
  take(chunk: Buffer): Promise<void> | undefined {
    this.bytes += chunk.length;
    return this.#hash?.update(chunk);
  }

  digest(): string | undefined {
    return this.#hash === undefined ? undefined : imageIdPrefix + this.#hash.hex();
  }
}

/** The first bytes, which tell how an archive is compressed. */
async function headOf(handle: FileHandle): Promise<Buffer> {
  const head = Buffer.alloc(8);
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  return head.subarray(0, bytesRead);
}

async function writeFully(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
}

/** The chunks again; they are hashed and copied by other threads while they are used here. */
async function* passing(chunks: AsyncGenerator<Buffer>, meter: Meter, copy: FileHandle | undefined) {
  for await (const chunk of chunks) {
    const written = copy === undefined ? undefined : writeFully(copy, chunk);
    // Reported when it is waited for.
    written?.catch(() => {});
    const hashed = meter.take(chunk);
    try {
      yield chunk;
    } finally {
      await hashed;
      await written;
    }
  }
}

/** Decompresses an archive into `consume` and returns the `sha512-…` of what came out. Throws ArchiveError. */
export async function unpackArchive(handle: FileHandle, consume: (chunk: Buffer) => void): Promise<string> {
  const tar = new Meter(true);
  await decompress(chunksOf(handle), detectCompression(await headOf(handle)), async (chunk) => {
    const hashed = tar.take(chunk);
    try {
      consume(chunk);
    } finally {
      await hashed;
    }
  });
  return tar.digest() as string;
}

/** A new directory that a tree is written to. */
class Extraction {
  readonly #fd: number;
  readonly tree: TreeWriter;

  constructor(directory: string, warn: (message: string) => void) {
    mkdirSync(directory, { mode: 0o700 });
    this.#fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    this.tree = new TreeWriter(this.#fd, warn);
  }

  close(): void {
    this.tree.abort();
    closeSync(this.#fd);
  }
}

/** Reads an archive whole. Throws ArchiveError for what is wrong with it, and system errors of the store's side. */
export async function readArchive(handle: FileHandle, options: ReadOptions): Promise<ArchiveContent> {
  const compression: Compression = detectCompression(await headOf(handle));
  // Without compression a chunk is used up before the next is read.
  const chunks = chunksOf(handle, compression === 'none');
  const raw = new Meter(true);
  const tar = new Meter(compression !== 'none');
  const extraction = options.rootfs === undefined ? undefined : new Extraction(options.rootfs, options.warn);
  const copy = options.copy === undefined ? undefined : await open(options.copy, 'wx', 0o600);
  const layout = new AciLayout(options.tree ?? extraction?.tree);
  const reader = new TarReader(layout);
  try {
    await decompress(passing(chunks, raw, copy), compression, async (chunk) => {
      if (tar.bytes + chunk.length > options.maxBytes) {
        throw new ArchiveError(`it unpacks to more than ${options.maxBytes} bytes, nine tenths of what is free`);
      }
      const hashed = tar.take(chunk);
      try {
        reader.write(chunk);
      } finally {
        await hashed;
      }
    });
    reader.end();
    const manifest = layout.finish();
    const summary = extraction?.tree.finish();
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
    extraction?.close();
    await copy?.close();
  }
}
