/** Lines of several apps in the order of their times. Pure. */

import type { LogLine } from './line-joiner.ts';

export interface AppLine {
  readonly app: string;
  readonly line: LogLine;
}

interface Source {
  readonly app: string;
  readonly lines: Iterator<LogLine>;
  next: LogLine;
}

function advance(source: Source): boolean {
  const { done, value } = source.lines.next();
  if (done === true) return false;
  source.next = value;
  return true;
}

/** Takes one line of every app at a time, as late as possible: it is good until the next one is asked for. */
export function* mergeByTime(logs: readonly { app: string; lines: Iterable<LogLine> }[]): Generator<AppLine> {
  const sources: Source[] = [];
  for (const { app, lines } of logs) {
    const iterator = lines[Symbol.iterator]();
    const first = iterator.next();
    if (first.done !== true) sources.push({ app, lines: iterator, next: first.value });
  }
  while (sources.length > 0) {
    let earliest = sources[0] as Source;
    for (const source of sources) if (source.next.time < earliest.next.time) earliest = source;
    yield { app: earliest.app, line: earliest.next };
    if (!advance(earliest)) sources.splice(sources.indexOf(earliest), 1);
  }
}
