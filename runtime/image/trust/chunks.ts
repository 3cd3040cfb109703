import { open } from 'node:fs/promises';

/** Large enough that system calls do not count, small enough to stay in the processor's cache while it is hashed. */
const chunkBytes = 512 << 10;

/**
 * The bytes of a file in order. The next chunk is read while the last one is in use, which ends with the turn of the loop:
 * the memory is used again.
 */
export async function* readChunks(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  await using file = await open(path, 'r');
  let filled = Buffer.allocUnsafeSlow(chunkBytes);
  let free = Buffer.allocUnsafeSlow(chunkBytes);
  let pending = file.read(filled, 0, chunkBytes, null);
  for (;;) {
    const { bytesRead } = await pending;
    if (bytesRead === 0) return;
    const full = filled;
    pending = file.read(free, 0, chunkBytes, null);
    // A reader that stops early leaves this read behind; its failure would be nobody's.
    pending.catch(() => {});
    yield full.subarray(0, bytesRead);
    [filled, free] = [free, full];
  }
}
