/** Showing how far transfers are. */

import type { Log } from '../base/log.ts';

export interface Transfer {
  /** So many more bytes are here. */
  advance(bytes: number): void;
  /** Everything starts again from zero. */
  restart(): void;
  /** The transfer is over, well or not; idempotent. */
  end(): void;
}

export interface Progress {
  /** `label` is what stands before the colon, e.g. `Downloading aci`. `totalBytes` undefined: not known. Several may run at once. */
  begin(label: string, totalBytes: number | undefined): Transfer;
  /** Runs `write`, which prints something else on the same terminal, between two pictures of the bars. */
  interrupt(write: () => void): void;
  /** Prints one line as it is: `Downloading signature from …`. */
  line(text: string): void;
}

/** Shows nothing. */
export const noProgress: Progress = {
  begin: () => ({ advance: () => {}, restart: () => {}, end: () => {} }),
  interrupt: (write) => write(),
  line: () => {},
};

/** A log whose lines do not run into the bars. */
export function logBeside(log: Log, progress: Progress): Log {
  return {
    info: (message) => progress.interrupt(() => log.info(message)),
    warn: (message) => progress.interrupt(() => log.warn(message)),
    debug: (message) => progress.interrupt(() => log.debug(message)),
    debugging: log.debugging,
  };
}

/** Characters between the brackets. */
const barWidth = 45;
const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `3.25 MB`: three digits, powers of 1000. */
export function formatBytes(bytes: number): string {
  let size = bytes;
  let unit = 0;
  // What would round to 1000 belongs to the next unit.
  while (Number(size.toPrecision(3)) >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${Number(size.toPrecision(3))} ${units[unit]}`;
}

/** `Downloading aci: [=====     ] 3.25 MB/3.7 MB`; without brackets and total where the total is not known. */
export function formatTransfer(label: string, done: number, total: number | undefined): string {
  if (total === undefined) return `${label}: ${formatBytes(done)}`;
  const filled = total === 0 ? barWidth : Math.min(barWidth, Math.floor((done / total) * barWidth));
  return `${label}: [${'='.repeat(filled)}${' '.repeat(barWidth - filled)}] ${formatBytes(done)}/${formatBytes(total)}`;
}

/** Milliseconds between two pictures on a terminal, and between two lines where there is none. */
const pictureInterval = 100;
const lineInterval = 10_000;

export interface ProgressOptions {
  readonly write: (text: string) => void;
  /** Whether `write` leads to a terminal: bars are drawn in place then; otherwise a line tells that a transfer is complete. */
  readonly terminal: boolean;
  /** Milliseconds; only differences count. */
  readonly now: () => number;
}

export function createProgress(options: ProgressOptions): Progress {
  return options.terminal ? new Bars(options) : new Lines(options);
}

interface Bar {
  readonly label: string;
  readonly total: number | undefined;
  done: number;
  ended: boolean;
}

/** Lines that are drawn over and over in place. All of them stay until the last transfer is over. */
class Bars implements Progress {
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  #bars: Bar[] = [];
  /** How many lines of the last picture stand above the cursor. */
  #drawn = 0;
  #last = Number.NEGATIVE_INFINITY;

  constructor({ write, now }: ProgressOptions) {
    this.#write = write;
    this.#now = now;
  }

  begin(label: string, total: number | undefined): Transfer {
    const bar: Bar = { label, total, done: 0, ended: false };
    this.#bars.push(bar);
    this.#draw();
    const moved = (done: number): void => {
      bar.done = done;
      if (this.#now() - this.#last >= pictureInterval) this.#draw();
    };
    return {
      advance: (bytes) => moved(bar.done + bytes),
      restart: () => moved(0),
      end: () => this.#end(bar),
    };
  }

  interrupt(write: () => void): void {
    this.#write(this.#erase());
    this.#drawn = 0;
    write();
    this.#draw();
  }

  line(text: string): void {
    this.interrupt(() => this.#write(`${text}\n`));
  }

  #end(bar: Bar): void {
    if (bar.ended) return;
    bar.ended = true;
    this.#draw();
    if (this.#bars.every(({ ended }) => ended)) [this.#bars, this.#drawn] = [[], 0];
  }

  #erase(): string {
    return this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A\r\x1b[J`;
  }

  #draw(): void {
    const lines = this.#bars.map(({ label, done, total }) => `${formatTransfer(label, done, total)}\n`);
    this.#write(this.#erase() + lines.join(''));
    this.#drawn = lines.length;
    this.#last = this.#now();
  }
}

/** For files and pipes: one line when a transfer is over, and one now and then while it goes on. */
class Lines implements Progress {
  readonly #write: (text: string) => void;
  readonly #now: () => number;

  constructor({ write, now }: ProgressOptions) {
    this.#write = write;
    this.#now = now;
  }

  begin(label: string, total: number | undefined): Transfer {
    let [done, ended, last] = [0, false, this.#now()];
    const print = (): void => this.#write(`${formatTransfer(label, done, total)}\n`);
    return {
      advance: (bytes) => {
        done += bytes;
        if (this.#now() - last < lineInterval) return;
        last = this.#now();
        print();
      },
      restart: () => {
        done = 0;
      },
      end: () => {
        if (!ended) print();
        ended = true;
      },
    };
  }

  interrupt(write: () => void): void {
    write();
  }

  line(text: string): void {
    this.#write(`${text}\n`);
  }
}
