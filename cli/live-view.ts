/** A picture of something that changes, drawn again and again: on a terminal in place, elsewhere one below the other. */

import { setTimeout as pause } from 'node:timers/promises';
import type { Context } from './context.ts';

// Alternate screen with the cursor hidden, and back; home and clear.
const enter = '\x1b[?1049h\x1b[?25l';
const leave = '\x1b[?25h\x1b[?1049l';
const home = '\x1b[H\x1b[2J';

/** q, Q, Ctrl-C and Ctrl-D: in raw mode the terminal makes no signals of them. */
const endKeys = new Set([0x71, 0x51, 0x03, 0x04]);

export interface LiveView {
  readonly context: Context;
  /** Milliseconds between two pictures. */
  readonly interval: number;
  /** The next picture; undefined: there is nothing more to see. */
  readonly draw: () => string | undefined;
}

/** Draws until there is nothing more to see, or somebody types q or Ctrl-C. */
export async function showLive({ context, interval, draw }: LiveView): Promise<void> {
  const { stdin, stdout } = process;
  const onTerminal = stdin.isTTY === true && stdout.isTTY === true;
  const stop = new AbortController();
  const onKey = (data: Buffer): void => {
    if (data.some((key) => endKeys.has(key))) stop.abort();
  };
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  if (onTerminal) {
    stdin.setRawMode(true).on('data', onKey);
    context.out(enter);
  }
  try {
    while (!stop.signal.aborted) {
      const picture = draw();
      if (picture === undefined) break;
      // A terminal that does not know its size says 0.
      context.out(onTerminal ? home + fitted(picture, stdout.columns || 80, stdout.rows || 24) : picture);
      await pause(interval, undefined, { signal: stop.signal }).catch(() => {});
    }
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    if (onTerminal) {
      context.out(leave);
      stdin.off('data', onKey).setRawMode(false).pause();
    }
  }
}

/** What fits: a longer line would push the ones below out of sight. */
export function fitted(picture: string, columns: number, rows: number): string {
  const lines = picture.split('\n').slice(0, Math.max(1, rows - 1));
  return lines.map((line) => [...line].slice(0, columns).join('')).join('\n');
}
