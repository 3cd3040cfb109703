/** Puts lines together that are several entries of a log. Pure. */

import type { Entry, OutputStream } from './entry.ts';

export interface LogLine {
  /** Of its first piece. */
  readonly time: string;
  readonly stream: OutputStream;
  /** Without its newline. */
  readonly text: Buffer;
  /** There was a newline. */
  readonly complete: boolean;
}

/** A line that goes on for ever is passed on in pieces of about this many bytes. */
const longest = 1 << 20;

interface Pieces {
  time: string;
  texts: Buffer[];
  length: number;
}

/** Takes entries in their order. The streams of an app are told apart: an entry of one may stand between two of the other. */
export class LineJoiner {
  readonly #open = new Map<OutputStream, Pieces>();

  /** The line that ends with this entry, if one does. */
  push(entry: Entry): LogLine | undefined {
    const open = this.#open.get(entry.stream);
    if (open === undefined && entry.complete) return entry;
    const pieces = open ?? { time: entry.time, texts: [], length: 0 };
    pieces.texts.push(entry.text);
    pieces.length += entry.text.length;
    if (entry.complete || pieces.length >= longest) {
      this.#open.delete(entry.stream);
      return joined(entry.stream, pieces, entry.complete);
    }
    // The entry's text is a part of a buffer that is about to be read into again.
    pieces.texts[pieces.texts.length - 1] = Buffer.from(entry.text);
    this.#open.set(entry.stream, pieces);
    return undefined;
  }

  /** What is left of lines that have no end. */
  flush(): LogLine[] {
    const lines = [...this.#open].map(([stream, pieces]) => joined(stream, pieces, false));
    this.#open.clear();
    return lines;
  }
}

const joined = (stream: OutputStream, { time, texts }: Pieces, complete: boolean): LogLine => ({
  time,
  stream,
  text: Buffer.concat(texts),
  complete,
});
