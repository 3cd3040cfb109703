/** The bytes of a file, from its beginning, piece by piece. */

import type { FileHandle } from 'node:fs/promises';

/** Bytes read at once. */
const chunkBytes = 512 * 1024;

/** Each chunk is a buffer of its own, as streams keep them. */
export async function* chunksOf(handle: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafeSlow(chunkBytes), 0, chunkBytes, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/**
 * A chunk is read while the one before is used. They lie in two buffers in turn, so each is valid only until the next is asked
 * for.
 */
export async function* passingChunksOf(handle: FileHandle): AsyncGenerator<Buffer> {
  const buffers = [Buffer.allocUnsafeSlow(chunkBytes), Buffer.allocUnsafeSlow(chunkBytes)] as const;
  let turn = 0;
  const read = (position: number): ReturnType<FileHandle['read']> => {
    turn = 1 - turn;
    return handle.read(buffers[turn] as Buffer, 0, chunkBytes, position);
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
