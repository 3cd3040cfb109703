/**
 * Unpacking of archives on libuv's thread pool, in buffers that are used again and again: memory does not grow with the
 * archive, and no call is made per file. What is done is decided by the caller; failures carry `errno` and `code` as in
 * index.ts. EBADMSG: the compressed data is damaged or cut short.
 */

import { addon } from './index.ts';

type StreamHandle = { readonly brand: 'stream' };
type TreeHandle = { readonly brand: 'tree' };

interface Calls {
  streamCreate(compression: string, rawHash: string | null, contentHash: string | null, copy: number): StreamHandle;
  streamStep(stream: StreamHandle, input: Uint8Array, output: Uint8Array): Promise<[number, number]>;
  streamEnd(stream: StreamHandle): [Buffer, Buffer];
  treeCreate(root: number): TreeHandle;
  treeRun(tree: TreeHandle, records: Uint8Array, content: Uint8Array, at: number): Promise<void>;
  treeClose(tree: TreeHandle): void;
  treeSummarize(path: string): [number, number];
  treeSummarizeLater(path: string): Promise<[number, number]>;
}

const calls = addon as Calls;

export type HashName = 'sha256' | 'sha512';

export interface StreamOptions {
  compression: 'none' | 'gzip' | 'zstd';
  /** Of the bytes as they come. */
  rawHash?: HashName;
  /** Of the bytes that come out. */
  contentHash?: HashName;
  /** A descriptor that the bytes are written to as they come. */
  copy?: number;
}

/** One pass over an archive's bytes: hashed, copied, decompressed, hashed again. */
export class UnpackStream {
  readonly #handle: StreamHandle;

  constructor({ compression, rawHash, contentHash, copy }: StreamOptions) {
    this.#handle = calls.streamCreate(compression, rawHash ?? null, contentHash ?? null, copy ?? -1);
  }

  /**
   * Takes from `input` and fills `output` until one of them is used up; says how many bytes that were. Where all of `output` was
   * filled, more may be waiting. Without compression the content is what was taken, and `output` stays as it is. One step at
   * a time: EBUSY.
   */
  async step(input: Uint8Array, output: Uint8Array): Promise<{ consumed: number; produced: number }> {
    const [consumed, produced] = await calls.streamStep(this.#handle, input, output);
    return { consumed, produced };
  }

  /** Nothing more comes. The digests in hex, empty where none was asked for; the stream cannot be used afterwards. */
  end(): { raw: string; content: string } {
    const [raw, content] = calls.streamEnd(this.#handle);
    return { raw: raw.toString('hex'), content: content.toString('hex') };
  }
}

/** A failure while a batch was carried out. */
export interface BatchError extends Error {
  /** Offset of the record that failed. What stands before it is done. */
  readonly at: number;
}

/** A new directory that is filled by batches of records (record-writer.ts; the format is in src/addon/tree-batch.h). */
export class BatchTree {
  readonly #handle: TreeHandle;

  /** `root` is a descriptor of the directory; it stays the caller's, and open until {@link close}. */
  constructor(root: number) {
    this.#handle = calls.treeCreate(root);
  }

  /**
   * Carries out the records from offset `at` on; those of files refer to `content`. Both stay as they are until the promise
   * settles. Rejects with a {@link BatchError}. One batch at a time: EBUSY.
   */
  run(records: Uint8Array, content: Uint8Array, at: number): Promise<void> {
    return calls.treeRun(this.#handle, records, content, at);
  }

  /** Lets go of what is open. EBUSY while a batch is carried out. */
  close(): void {
    calls.treeClose(this.#handle);
  }
}

/** How many entries are below a directory, and bytes in its regular files, those with several names counted once. */
export function summarizeTree(path: string): { entries: number; bytes: number } {
  const [entries, bytes] = calls.treeSummarize(path);
  return { entries, bytes };
}

/** The same, by a thread of the pool. */
export async function summarizeTreeLater(path: string): Promise<{ entries: number; bytes: number }> {
  const [entries, bytes] = await calls.treeSummarizeLater(path);
  return { entries, bytes };
}
