/** Pods per second: many pods started one after another, and some at a time. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Candidate } from './starts.ts';

/** One that hangs is killed after so many milliseconds, and has failed. */
const patience = 30_000;

/** Who takes longer than this, in milliseconds, gets no further starts: the rate is known by then. */
const enough = 60_000;

/** So many failures, and it is not measured. */
const tooMany = 10;

interface Outcome {
  /** How many ended well. */
  readonly ended: number;
  readonly perSecond: number;
  /** What those said that did not. */
  readonly failures: readonly string[];
}

/** Runs a command to its end; undefined where it ended well, otherwise the last that it said. */
async function failureOf([program, ...args]: readonly string[]): Promise<string | undefined> {
  const child = spawn(program as string, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: patience,
    killSignal: 'SIGKILL',
  });
  const said: Buffer[] = [];
  child.stderr.on('data', (data: Buffer) => said.push(data));
  const [code, signal] = await once(child, 'close');
  if (code === 0) return undefined;
  const lastLine = Buffer.concat(said).toString().trim().split('\n').at(-1);
  return lastLine || (code === null ? `killed by ${signal}` : `exit code ${code}`);
}

/** Starts `count` pods, `width` of them at any moment. One that fails does not keep the others. */
async function start({ command }: Candidate, count: number, width: number): Promise<Outcome> {
  const begin = performance.now();
  const failures: string[] = [];
  let started = 0;
  const goesOn = (): boolean => started < count && failures.length < tooMany && performance.now() - begin < enough;
  const worker = async (): Promise<void> => {
    while (goesOn()) {
      const failure = await failureOf(command(started++));
      if (failure !== undefined) failures.push(failure);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  const ended = started - failures.length;
  return { ended, perSecond: (ended * 1000) / (performance.now() - begin), failures };
}

/** What the reader should know of a figure; undefined where nothing is special about it. */
function remark({ ended, failures }: Outcome, count: number, width: number): string | undefined {
  const failed = failures.length === 0 ? '' : `${failures.length} failed, the first with: ${failures[0]}`;
  const fewer = ended + failures.length < count ? `only ${ended + failures.length} were started` : '';
  const remarks = [fewer, failed].filter((text) => text !== '').join('; ');
  return remarks === '' ? undefined : `${width === 1 ? 'one by one' : `${width} at a time`}: ${remarks}`;
}

/** Prints a line for every candidate, and below it what failed; the first one is what the others are compared with. */
export async function measureManyStarts(candidates: readonly Candidate[], count: number): Promise<void> {
  const widths = [1, 8];
  const label = Math.max(...candidates.map((candidate) => candidate.label.length));
  console.log(`\n${`${count} pods, per second`.padEnd(label)}   one by one   ratio   eight at a time   ratio`);
  const base: number[] = [];
  for (const candidate of candidates) {
    const cells: string[] = [];
    const remarks: string[] = [];
    for (const [index, width] of widths.entries()) {
      const outcome = await start(candidate, count, width);
      candidate.after?.();
      const measured = outcome.failures.length < tooMany;
      if (measured) base[index] ??= outcome.perSecond;
      cells.push((measured ? outcome.perSecond.toFixed(1) : '–').padStart(index === 0 ? 13 : 18));
      cells.push((measured ? (outcome.perSecond / (base[index] as number)).toFixed(2) : '–').padStart(8));
      remarks.push(...([remark(outcome, count, width)].filter((text) => text !== undefined) as string[]));
    }
    console.log(`${candidate.label.padEnd(label)}${cells.join('')}`);
    for (const text of remarks) console.log(`  ${text}`);
  }
}
