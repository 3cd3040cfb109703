/** One pass over an archive that is a file, whatever it is compressed with. */

import type { FileHandle } from 'node:fs/promises';
import { UnpackStream } from '../../native/unpack.ts';
import type { Content } from './content.ts';
import { type Compression, decompress, detectCompression } from './decompress.ts';
import { chunksOf } from './file-chunks.ts';
import { type Digests, isNative, Unpacking } from './unpacking.ts';

export interface UnpackFileOptions {
  /** Whether the bytes of the file, and those that come out of it, are hashed (sha512). */
  readonly hashRaw?: boolean;
  readonly hashContent?: boolean;
  /** A descriptor that the bytes of the file are written to. */
  readonly copy?: number;
}

export interface UnpackedFile extends Digests {
  /** Bytes of the file. */
  readonly size: number;
}

const nothing = Buffer.alloc(0);

/** The compression of a file, told by its first bytes. */
export async function compressionOf(handle: FileHandle): Promise<Compression> {
  const head = Buffer.alloc(8);
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  return detectCompression(head.subarray(0, bytesRead));
}

/** The usual way: while one buffer is read into, the one before is unpacked. */
async function unpackNatively(handle: FileHandle, unpacking: Unpacking): Promise<UnpackedFile> {
  let pushing: Promise<void> = Promise.resolve();
  let position = 0;
  try {
    for (;;) {
      const buffer = await unpacking.room();
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      await pushing;
      if (bytesRead === 0) break;
      position += bytesRead;
      pushing = unpacking.push(buffer, bytesRead);
      // Reported when it is waited for.
      pushing.catch(() => {});
    }
    return { ...(await unpacking.end()), size: position };
  } finally {
    await unpacking.idle();
  }
}

/** Compressions that packages of npm know; the hashes and the copy are made as in the usual way. */
async function unpackByPackage(
  handle: FileHandle,
  compression: Compression,
  { hashRaw, hashContent, copy }: UnpackFileOptions,
  content: Content,
): Promise<UnpackedFile> {
  let size = 0;
  const raw = new UnpackStream({
    compression: 'none',
    ...(hashRaw === true ? { rawHash: 'sha512' } : {}),
    ...(copy === undefined ? {} : { copy }),
  });
  const out = new UnpackStream({ compression: 'none', ...(hashContent === true ? { contentHash: 'sha512' } : {}) });
  async function* passing(): AsyncGenerator<Buffer> {
    for await (const chunk of chunksOf(handle)) {
      await raw.step(chunk, nothing);
      size += chunk.length;
      yield chunk;
    }
  }
  await decompress(passing(), compression, async (chunk) => {
    const written = Promise.withResolvers<void>();
    const hashed = out.step(chunk, nothing);
    try {
      await content.take(chunk, written.resolve);
      await written.promise;
    } finally {
      await hashed;
    }
  });
  const digests = { raw: raw.end().raw, content: out.end().content, size };
  await content.end();
  return digests;
}

/**
 * Reads a file from its beginning, decompresses it into `content`, and returns the digests. Without compression the content's
 * is that of the file. Throws ArchiveError for damage, and what `content` throws.
 */
export async function unpackFile(
  handle: FileHandle,
  options: UnpackFileOptions,
  content: Content,
): Promise<UnpackedFile> {
  const compression = await compressionOf(handle);
  if (!isNative(compression)) return await unpackByPackage(handle, compression, options, content);
  const { hashRaw, hashContent, copy } = options;
  const once = compression === 'none' && hashRaw === true;
  const unpacking = new Unpacking(
    {
      compression,
      ...(hashRaw === true ? { rawHash: 'sha512' } : {}),
      ...(hashContent === true && !once ? { contentHash: 'sha512' } : {}),
      ...(copy === undefined ? {} : { copy }),
    },
    content,
  );
  const unpacked = await unpackNatively(handle, unpacking);
  return once ? { ...unpacked, content: unpacked.raw } : unpacked;
}
