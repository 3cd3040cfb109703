/**
 * Buffers lie outside of V8's heap, which hardly notices them: it starts to collect them when there are 64 MB, in each thread.
 * Where gigabytes go through buffers of some hundred KiB that is most of a process's memory, so they are collected early here.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type CollectGarbage = (options: { type: 'minor' | 'major' }) => void;

/** Bytes of buffers between two collections. A minor one takes about a millisecond, as hardly anything is alive. */
const interval = 4 * 1024 * 1024;

/** Now and then what outlived a few of them has to go as well, which takes some milliseconds. */
const majorEvery = 8;

let collectGarbage: CollectGarbage | undefined;

/** V8 has the function only for contexts that are made while the flag is set. */
function findCollector(): CollectGarbage {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as CollectGarbage;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}

/**
 * V8 lets the space of young objects grow to 64 MiB before it collects them, which is more than everything else that a fetch
 * needs. It stays as it is from here on; what dies young here dies very young, so nothing is copied more often.
 */
export function keepYoungSpaceSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** Counts what goes through buffers, and has them collected now and then. */
export class BufferCount {
  #bytes = 0;
  #collections = 0;

  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < interval) return;
    this.#bytes = 0;
    collectGarbage ??= findCollector();
    this.#collections += 1;
    collectGarbage({ type: this.#collections % majorEvery === 0 ? 'major' : 'minor' });
  }
}
