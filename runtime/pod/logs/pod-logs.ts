/** `rkt logs`: what the apps of a pod have printed, and what they print, in the order of its time. */

import { closeSync, openSync } from 'node:fs';
import { podFiles } from '../../base/paths.ts';
import type { PodEntry } from '../pods.ts';
import { Directories, whenUnlocked } from '../watch/directories.ts';
import { Wakeup } from '../watch/wakeup.ts';
import { AppLog } from './app-log.ts';
import type { OutputStream } from './entry.ts';
import type { LogLine } from './line-joiner.ts';
import { type AppLine, mergeByTime } from './merge.ts';

export interface LogOptions {
  readonly apps: readonly string[];
  /** Only this stream. */
  readonly stream: OutputStream | undefined;
  /** Times as the log has them: nothing before the first, nothing after the second. */
  readonly since: string | undefined;
  readonly until: string | undefined;
  /** Only so many lines, the last ones. */
  readonly tail: number | undefined;
}

/**
 * The logs of one pod. The pod's directory is held open, so that it does not matter when it is moved or removed meanwhile.
 */
export class PodLogs {
  readonly #dirFd: number;
  readonly #dir: string;
  readonly #logs: AppLog[];
  readonly #options: LogOptions;
  #tailed = false;

  constructor(pod: PodEntry, options: LogOptions) {
    this.#dirFd = openSync(pod.dir, 'r');
    this.#dir = `/proc/self/fd/${this.#dirFd}`;
    this.#options = options;
    this.#logs = options.apps.map((app) => new AppLog(this.#dir, app));
  }

  /** What is there and was not read yet. A line is good until the next one is asked for. */
  *read(): Generator<AppLine> {
    const { tail } = this.#options;
    if (tail !== undefined && !this.#tailed) yield* this.#tail(tail);
    yield* mergeByTime(this.#logs.map((log) => ({ app: log.app, lines: this.#accepted(log.read()) })));
  }

  /** What is left of lines that have no end, when nothing more will come. */
  *rest(): Generator<AppLine> {
    yield* mergeByTime(this.#logs.map((log) => ({ app: log.app, lines: this.#accepted(log.rest()) })));
  }

  /**
   * What is there, and what comes, until the pod has ended. In between the loop waits: the kernel tells when a
   * file in the pod's directories changes and when the pod's lock is free.
   */
  async *follow(): AsyncGenerator<Iterable<AppLine>> {
    const wakeup = new Wakeup();
    const directories = new Directories();
    let ended = false;
    const end = (): void => {
      ended = true;
      wakeup.wake();
    };
    try {
      directories.add('pod', this.#dir, wakeup.wake);
      if (!whenUnlocked(this.#dir, end)) end();
      for (;;) {
        // Before reading: what is written before the end is there after it.
        const last = ended || this.#isPast();
        directories.add('logs', podFiles.logsDir(this.#dir), wakeup.wake);
        yield this.read();
        if (last) break;
        await wakeup.next(this.#deadline());
      }
      yield this.rest();
    } finally {
      directories.close();
    }
  }

  problems(): string[] {
    return this.#logs.flatMap((log) => log.problems());
  }

  close(): void {
    for (const log of this.#logs) log.close();
    closeSync(this.#dirFd);
  }

  *#tail(count: number): Generator<AppLine> {
    this.#tailed = true;
    const { since } = this.#options;
    const isBefore = (line: LogLine): boolean => since !== undefined && line.time < since;
    const logs = this.#logs.map((log) => ({ app: log.app, lines: log.tail(count, this.#accept, isBefore) }));
    const surplus = logs.reduce((sum, { lines }) => sum + lines.length, 0) - count;
    let passed = 0;
    for (const line of mergeByTime(logs)) if (++passed > surplus) yield line;
  }

  readonly #accept = ({ stream, time }: LogLine): boolean => {
    const { stream: wanted, since, until } = this.#options;
    return (
      (wanted === undefined || stream === wanted) &&
      (since === undefined || time >= since) &&
      (until === undefined || time <= until)
    );
  };

  *#accepted(lines: Iterable<LogLine>): Generator<LogLine> {
    for (const line of lines) if (this.#accept(line)) yield line;
  }

  #isPast(): boolean {
    return this.#deadline() <= performance.now();
  }

  /** On the clock of performance.now(). */
  #deadline(): number {
    const { until } = this.#options;
    if (until === undefined) return Infinity;
    return performance.now() + Date.parse(until) + 1 - Date.now();
  }
}
