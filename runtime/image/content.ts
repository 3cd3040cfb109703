import { ArchiveError } from './errors.ts';
import type { TreeWriter } from './tree-writer.ts';

export interface ContentOptions {
  readonly reader: {
    /** Returns how many bytes were taken; where those are not all, what is written has to be carried out first. */
    write(chunk: Buffer): number;
    end(): void;
  };
  /** Where the reader's entries end up, if they are written. */
  readonly tree: TreeWriter | undefined;
  /** Counts bytes; throws where there are too many. */
  readonly count: (bytes: number) => void;
}

/** The uncompressed side of an archive: its bytes are counted, read as a tar archive, and written to a tree. */
export class Content {
  readonly #options: ContentOptions;
  #size = 0;

  constructor(options: ContentOptions) {
    this.#options = options;
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  /** Resolves when everything of `chunk` has been read; calls `release` when it has been written too, and may change. */
  async take(chunk: Buffer, release: () => void): Promise<void> {
    const { reader, tree, count } = this.#options;
    tree?.check();
    count(chunk.length);
    this.#size += chunk.length;
    for (let at = 0; at < chunk.length; ) {
      at += reader.write(chunk.subarray(at));
      if (at < chunk.length) await tree?.submit();
    }
    if (tree === undefined) release();
    // Whoever goes on learns of a failure by the next batch, or at the end.
    else tree.submit().then(release, release);
  }

  /** Everything has come. */
  async end(): Promise<void> {
    await this.#options.tree?.submit();
    this.#options.reader.end();
  }
}

/** Counts up to what an archive may unpack to. */
export function atMost(maxBytes: number): (bytes: number) => void {
  let left = maxBytes;
  return (bytes) => {
    left -= bytes;
    if (left < 0) throw new ArchiveError(`it unpacks to more than ${maxBytes} bytes, nine tenths of what is free`);
  };
}
