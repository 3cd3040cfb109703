/** When a request is sent again. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Headers, Retries } from './types.ts';

/** Answers after which the same request may succeed a little later. */
export const isPassingStatus = (status: number): boolean => [408, 429, 500, 502, 503, 504].includes(status);

/** Milliseconds that a server asks for: seconds or a date (RFC 9110, 10.2.3). */
export function retryAfter(headers: Headers, now: number): number | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  if (/^[0-9]+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Milliseconds before repetition number `attempt` (from 1): doubled each time, between half and the whole of it. */
export function delayBefore(attempt: number, { delay, maxDelay }: Retries, asked: number | undefined): number {
  const full = Math.min(delay * 2 ** (attempt - 1), maxDelay);
  const own = full / 2 + (Math.random() * full) / 2;
  return Math.min(Math.max(own, asked ?? 0), maxDelay);
}

/** Waits; ends early, by throwing, when `signal` is aborted. */
export async function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(milliseconds, undefined, signal === undefined ? {} : { signal });
}

/** `0.5 s`. */
export const inSeconds = (milliseconds: number): string => `${Number((milliseconds / 1000).toPrecision(2))} s`;
