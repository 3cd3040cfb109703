/** Times whole commands. */

import { spawnSync } from 'node:child_process';

/** A command to time. What makes it unmeasurable here is said instead of a figure. */
export interface Candidate {
  readonly label: string;
  /** Program and arguments; every run has a number of its own, for names that must not be used twice at a time. */
  readonly command: (run: number) => readonly string[];
  /** Undone after every run, untimed. */
  readonly after?: () => void;
}

export interface Timing {
  readonly label: string;
  /** Milliseconds, sorted, of the runs that ended well; empty where too many did not. */
  readonly times: readonly number[];
  /** What those runs said that failed. */
  readonly failures: readonly string[];
}

/** So many failures, and it is not measured. */
const tooMany = 3;

/** One run in milliseconds; throws what the command said where it failed. */
function once({ command }: Candidate, run: number): number {
  const [program, ...args] = command(run);
  const start = performance.now();
  const { status, stderr, error } = spawnSync(program as string, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    timeout: 60_000,
  });
  const time = performance.now() - start;
  if (status !== 0) throw new Error(error?.message ?? (stderr.trim().split('\n').at(-1) || `exit code ${status}`));
  return time;
}

/** Runs all candidates in turn, round by round, so that a noisy moment hits all of them alike. */
export function measure(candidates: readonly Candidate[], rounds: number): Timing[] {
  const times = new Map<Candidate, number[]>(candidates.map((candidate) => [candidate, []]));
  const failures = new Map<Candidate, string[]>(candidates.map((candidate) => [candidate, []]));
  for (let round = -1; round < rounds; round++) {
    for (const candidate of candidates) {
      const failed = failures.get(candidate) as string[];
      if (failed.length === tooMany) continue;
      try {
        const time = once(candidate, round);
        // The first round fills caches.
        if (round >= 0) times.get(candidate)?.push(time);
      } catch (error) {
        failed.push((error as Error).message);
      }
      candidate.after?.();
    }
  }
  return candidates.map((candidate) => {
    const failed = failures.get(candidate) as string[];
    const sorted = (times.get(candidate) as number[]).sort((a, b) => a - b);
    return { label: candidate.label, times: failed.length < tooMany ? sorted : [], failures: failed };
  });
}

export const median = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;

/** The first candidate is what the others are compared with. */
export function printResults(results: readonly Timing[], what = 'start to exit of /bin/true'): void {
  const base = median(results[0]?.times ?? []);
  const width = Math.max(...results.map(({ label }) => label.length));
  console.log(`${what.padEnd(width)}   median      min   × ${results[0]?.label}`);
  for (const { label, times, failures } of results) {
    if (times.length === 0) {
      console.log(`${label.padEnd(width)}   not measured: ${failures[0]}`);
      continue;
    }
    const [middle, best] = [median(times), times[0] as number];
    const cells = [middle.toFixed(1), best.toFixed(1)].map((text) => `${text} ms`.padStart(9));
    console.log(`${label.padEnd(width)} ${cells.join('')}   ${(middle / base).toFixed(2)}`);
    if (failures.length > 0) console.log(`  ${failures.length} failed, the first with: ${failures[0]}`);
  }
}
