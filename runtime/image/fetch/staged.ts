/** Archives on their way into the store: in a staging directory, hashed while they were written. */

import { createHash, type Hash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { imageIdPrefix } from '../../appc/image-id.ts';
import { storeError } from '../errors.ts';
import { passingChunksOf } from '../file-chunks.ts';
import type { Sink } from '../http/types.ts';
import { openArchive } from '../read-archive.ts';

/** A file of one's own that is written from the beginning and hashed on the way. */
export class StagedFile implements Sink {
  readonly path: string;
  readonly #fd: number;
  #hash: Hash = createHash('sha512');
  #length = 0;

  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, 'wx', 0o600);
  }

  write(chunk: Buffer): void {
    this.#hash.update(chunk);
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(this.#fd, chunk, at, chunk.length - at, this.#length + at);
    } catch (error) {
      throw storeError('writing a downloaded image', this.path, error);
    }
    this.#length += chunk.length;
  }

  restart(): void {
    ftruncateSync(this.#fd, 0);
    this.#hash = createHash('sha512');
    this.#length = 0;
  }

  /** `sha512-…` of what was written. */
  digest(): string {
    return imageIdPrefix + this.#hash.copy().digest('hex');
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Copies a local file, so that what is verified is what is imported. */
export async function copyInto(file: StagedFile, source: string): Promise<void> {
  const { handle } = await openArchive(source);
  try {
    for await (const chunk of passingChunksOf(handle)) file.write(chunk);
  } finally {
    await handle.close();
  }
}
