/** Kills a command between two of its steps: system calls that change something, as kill-steps.c counts them. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Result, rktPath, type Sandbox } from './sandbox.ts';

/** Every number is tried with RKT_TEST_EVERY_STEP=1; otherwise some, the same ones for the same count. */
export const everyStep = process.env.RKT_TEST_EVERY_STEP === '1';

export interface Outcome {
  /** The step before which a process was killed, for people; undefined: the command was at its end before. */
  readonly before: string | undefined;
  /** How many steps there were. */
  readonly steps: number;
  readonly result: Result;
}

export class StepKiller {
  readonly #host: Sandbox;
  readonly #program: string;
  readonly #report: string;

  constructor(host: Sandbox) {
    this.#host = host;
    this.#program = join(host.dir, 'kill-steps');
    this.#report = join(host.dir, 'kill-steps.report');
    execFileSync('gcc', ['-O1', '-o', this.#program, join(import.meta.dirname, 'kill-steps.c')]);
  }

  /**
   * Runs `rkt` and kills the process that is about to make the step with this number; 0: none. With `who` "first" the steps of the command
   * itself count, and of the monitor that it becomes; with "all" also those of the processes that it starts. Nothing of the command runs any
   * more afterwards.
   */
  run(args: readonly string[], who: 'first' | 'all', number: number): Outcome {
    const result = this.#host.exec([this.#program, this.#report, who, String(number), rktPath, ...args]);
    const [, before, steps] = /^(?:survived|killed (\w+)) (\d+)\n$/.exec(readFileSync(this.#report, 'utf8')) ?? [];
    return { before, steps: Number(steps), result };
  }

  /** How many steps the command makes, which must succeed. */
  count(args: readonly string[], who: 'first' | 'all'): number {
    const { steps, result } = this.run(args, who, 0);
    if (result.status !== 0) throw new Error(`rkt ${args.join(' ')} ended with ${result.status}: ${result.stderr}`);
    return steps;
  }
}

/** The numbers to try of `count`: all of them, or `samples` from the first to the last, spread evenly. */
export function numbersToTry(count: number, samples: number): number[] {
  const number = everyStep ? count : Math.min(samples, count);
  return Array.from({ length: number }, (_, index) => 1 + Math.round((index * (count - 1)) / Math.max(1, number - 1)));
}
