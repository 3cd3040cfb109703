/** One pass over an archive: its bytes are hashed and copied as they are, decompressed, hashed again, and unpacked. */

import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ThreadedHash } from '../../native/hash.ts';
import { imageIdPrefix } from '../appc/image-id.ts';
import { errnoOf, RktError } from '../base/errors.ts';
import { AciLayout, type TreeSink } from './aci-layout.ts';
import { atMost, Content } from './content.ts';
import { passingChunksOf } from './file-chunks.ts';
import { TarReader } from './tar-reader.ts';
import { type TreeSummary, TreeWriter } from './tree-writer.ts';
import { unpackFile } from './unpack-file.ts';

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

/** `sha512-…` of a file. */
export async function digestOf(handle: FileHandle): Promise<string> {
  const hash = new ThreadedHash('sha512');
  for await (const chunk of passingChunksOf(handle)) await hash.update(chunk);
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

/** Decompresses an archive into `consume` and returns the `sha512-…` of what came out. Throws ArchiveError. */
export async function unpackArchive(handle: FileHandle, consume: (chunk: Buffer) => void): Promise<string> {
  const write = (chunk: Buffer): number => {
    consume(chunk);
    return chunk.length;
  };
  const content = new Content({ reader: { write, end: () => {} }, tree: undefined, count: () => {} });
  return imageIdPrefix + (await unpackFile(handle, { hashContent: true }, content)).content;
}

/** A new directory that a tree is written to. */
class Extraction {
  readonly #fd: number;
  readonly tree: TreeWriter;

  constructor(directory: string, warn: (message: string) => void) {
    mkdirSync(directory, { mode: 0o700 });
    this.#fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    this.tree = new TreeWriter({ root: this.#fd, warn });
  }

  async close(): Promise<void> {
    await this.tree.close();
    closeSync(this.#fd);
  }
}

/** Reads an archive whole. Throws ArchiveError for what is wrong with it, and system errors of the store's side. */
export async function readArchive(handle: FileHandle, options: ReadOptions): Promise<ArchiveContent> {
  const extraction = options.rootfs === undefined ? undefined : new Extraction(options.rootfs, options.warn);
  const copy = options.copy === undefined ? undefined : openSync(options.copy, 'wx', 0o600);
  const layout = new AciLayout(options.tree ?? extraction?.tree);
  const count = atMost(options.maxBytes);
  const content = new Content({ reader: new TarReader(layout, count), tree: extraction?.tree, count });
  try {
    const digests = await unpackFile(
      handle,
      { hashRaw: true, hashContent: true, ...(copy === undefined ? {} : { copy }) },
      content,
    );
    const manifest = layout.finish();
    return {
      blobDigest: imageIdPrefix + digests.raw,
      blobSize: digests.size,
      id: imageIdPrefix + digests.content,
      size: content.size,
      manifest,
      tree: await extraction?.tree.finish(),
    };
  } finally {
    await extraction?.close();
    if (copy !== undefined) closeSync(copy);
  }
}
