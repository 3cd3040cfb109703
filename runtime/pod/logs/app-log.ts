/** The log of one app, read in whole lines, over the files that it consists of and while it grows. */

import { closeSync } from 'node:fs';
import type { Entry, OutputStream } from './entry.ts';
import { LineJoiner, type LogLine } from './line-joiner.ts';
import { isWrittenTo, type LogFile, openLogFiles, openSuccessor } from './log-files.ts';
import { endOfEntries, entriesBefore, entriesFrom } from './read-entries.ts';

/** How far back the first pieces of a line are looked for, beyond what was asked for. */
const searched = 4096;

export class AppLog {
  readonly app: string;
  readonly #podDir: string;
  readonly #joiner = new LineJoiner();
  /** Not read to the end yet, the oldest first. */
  #files: LogFile[];
  #offset = 0;
  /** The file that was read last, held open so that no other gets its inode: what comes after it is next. */
  #previous: LogFile | undefined;
  #damaged = 0;
  #missed = false;

  /** `podDir` may be a path below /proc/self/fd: it is used again whenever the log goes on in another file. */
  constructor(podDir: string, app: string) {
    this.app = app;
    this.#podDir = podDir;
    this.#files = openLogFiles(podDir, app);
  }

  /** Lines that are there and were not read yet. One is good until the next is asked for. */
  *read(): Generator<LogLine> {
    for (let file = this.#current(); file !== undefined; file = this.#current()) {
      // In this order: what was written before the file was put aside is there now.
      const isComplete = this.#files.length > 1 || !isWrittenTo(this.#podDir, this.app, file);
      yield* this.#readFile(file);
      if (!isComplete) return;
      this.#leave(file);
    }
  }

  /** What is left of lines that have no end, when nothing more will come. */
  rest(): LogLine[] {
    return this.#joiner.flush();
  }

  /**
   * The last `count` lines of those that `accept` lets through, and goes to the end: {@link read} has what comes then. `done` says
   * from which line on there is nothing more before it. Reads backwards, and no more than it takes.
   */
  tail(count: number, accept: (line: LogLine) => boolean, done: (line: LogLine) => boolean): LogLine[] {
    const search = new TailSearch(count, accept, done);
    const ends = this.#files.map(({ fd }) => endOfEntries(fd));
    for (let index = this.#files.length - 1; index >= 0 && !search.isOver; index--) {
      const { fd } = this.#files[index] as LogFile;
      for (const entry of entriesBefore(fd, ends[index] as number, this.#onDamage)) {
        search.take(entry);
        if (search.isOver) break;
      }
    }
    for (const file of this.#files.splice(0, this.#files.length - 1)) closeSync(file.fd);
    this.#offset = ends.at(-1) ?? 0;
    for (const entry of search.unfinished()) this.#joiner.push(entry);
    return search.lines();
  }

  /** Sentences about what could not be read. */
  problems(): string[] {
    return [
      ...(this.#damaged > 0 ? [`the log of app "${this.app}" is damaged: ${this.#damaged} bytes were left out`] : []),
      ...(this.#missed ? [`files of the log of app "${this.app}" were removed before they could be read`] : []),
    ];
  }

  close(): void {
    for (const { fd } of this.#files) closeSync(fd);
    this.#files = [];
    this.#setPrevious(undefined);
  }

  readonly #onDamage = (bytes: number): void => {
    this.#damaged += bytes;
  };

  *#readFile({ fd }: LogFile): Generator<LogLine> {
    const entries = entriesFrom(fd, this.#offset, this.#onDamage);
    for (let next = entries.next(); ; next = entries.next()) {
      if (next.done === true) {
        this.#offset = next.value;
        return;
      }
      const line = this.#joiner.push(next.value);
      if (line !== undefined) yield line;
    }
  }

  #current(): LogFile | undefined {
    if (this.#files.length === 0) this.#findNext();
    return this.#files[0];
  }

  #leave(file: LogFile): void {
    this.#files.shift();
    this.#setPrevious(file);
    this.#offset = 0;
  }

  /** What comes after the file that was read last, as far as it is there yet. */
  #findNext(): void {
    if (this.#previous === undefined) {
      this.#files = openLogFiles(this.#podDir, this.app);
      return;
    }
    const { file, isLost } = openSuccessor(this.#podDir, this.app, this.#previous);
    if (file === undefined) return;
    // Where no file is kept beside the current one, the one before it is always gone.
    if (isLost && file.number > 0) this.#missed = true;
    this.#files = [file];
    this.#setPrevious(undefined);
  }

  #setPrevious(file: LogFile | undefined): void {
    if (this.#previous !== undefined) closeSync(this.#previous.fd);
    this.#previous = file;
  }
}

/** Takes entries from the last one on, and puts lines together from their ends. */
class TailSearch {
  #count: number;
  readonly #accept: (line: LogLine) => boolean;
  readonly #done: (line: LogLine) => boolean;
  /** Entries of lines whose beginning is not known yet, in their order, and where the line stands. */
  readonly #open = new Map<OutputStream, { entries: Entry[]; position: number }>();
  readonly #unfinished: Entry[] = [];
  readonly #found: { line: LogLine; position: number }[] = [];
  #taken = 0;
  /** Lines that stand before this position are of no interest, and since when that is known. */
  #enough: { before: number; since: number } | undefined;
  isOver: boolean;

  constructor(count: number, accept: (line: LogLine) => boolean, done: (line: LogLine) => boolean) {
    this.#count = count;
    this.#accept = accept;
    this.#done = done;
    this.isOver = count === 0;
  }

  take(entry: Entry): void {
    this.#taken++;
    const open = this.#open.get(entry.stream);
    if (open !== undefined && !entry.complete) {
      open.entries.unshift(entry);
    } else if (entry.complete) {
      this.#finish(entry.stream);
      this.#open.set(entry.stream, { entries: [entry], position: this.#taken });
    } else {
      // It is one of the last lines already, whenever it ends.
      if (!this.#unfinished.some(({ stream }) => stream === entry.stream)) this.#count = Math.max(0, this.#count - 1);
      this.#unfinished.unshift(entry);
    }
    // A line is known to be whole only when the one before it is met, which may be far away for the stream that says little.
    const enough = this.#enough;
    if (enough === undefined) return;
    const isNeeded = [...this.#open.values()].some(({ position }) => position < enough.before);
    this.isOver = !isNeeded || this.#taken - enough.since > searched;
  }

  /** Pieces of lines that have no end yet. */
  unfinished(): Entry[] {
    return this.#unfinished;
  }

  lines(): LogLine[] {
    for (const stream of [...this.#open.keys()]) this.#finish(stream);
    this.#found.sort((a, b) => b.position - a.position);
    return this.#count === 0 ? [] : this.#found.map(({ line }) => line).slice(-this.#count);
  }

  #finish(stream: OutputStream): void {
    const open = this.#open.get(stream);
    if (open === undefined) return;
    this.#open.delete(stream);
    const [first, ...others] = open.entries as [Entry, ...Entry[]];
    const text = others.length === 0 ? first.text : Buffer.concat(open.entries.map((entry) => entry.text));
    const line = { time: first.time, stream, text, complete: true };
    const { position } = open;
    if (this.#done(line)) this.#enough ??= { before: position, since: this.#taken };
    else if (this.#accept(line)) this.#found.push({ line, position });
    if (this.#found.length >= this.#count) {
      this.#enough ??= {
        before: this.#found.reduce((last, found) => Math.max(last, found.position), 0),
        since: this.#taken,
      };
    }
  }
}
