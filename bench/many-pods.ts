/**
 * What `rkt list`, `rkt status` and `rkt gc` cost where there are many pods: 1,000 that have exited and 500 that run. The pods are
 * copies of one that was really run; "running" is a lock, and this process holds the locks. They lie in memory: what a busy disk
 * makes of a thousand removals is not rkt's.
 */

import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { native } from '../native/index.ts';
import { randomUuid } from '../runtime/base/random.ts';
import { type Bench, rkt } from './rkt.ts';
import { type Candidate, measure, median } from './starts.ts';

interface Counts {
  readonly exited: number;
  readonly running: number;
}

/** The same mixture in two sizes: that the time per pod is the same in both is what "linear" means. */
const sizes: readonly Counts[] = [
  { exited: 250, running: 125 },
  { exited: 1000, running: 500 },
];

/** Beyond the start of the program, in milliseconds per pod. */
const target = 0.2;

/** What can be done once only with a set of pods is done with so many of them. */
const sweepRounds = 5;

export function benchManyPods(bench: Bench, rounds: number): void {
  console.log(`\nmany pods (ms beyond the start of rkt; µs per pod, which should be below ${target * 1000})`);
  for (const counts of sizes) {
    const pods = new ManyPods(bench, counts);
    try {
      pods.print(rounds);
    } finally {
      pods.remove();
    }
  }
}

class ManyPods {
  readonly #dir: string;
  readonly #counts: Counts;
  readonly #model: string;
  readonly #locks: readonly number[];
  readonly #running: string;

  constructor(bench: Bench, counts: Counts) {
    this.#counts = counts;
    this.#dir = join(bench.dir, 'many');
    this.#model = makeModel(bench, this.#dir);
    this.#copy(counts.exited, 'run');
    this.#locks = this.#copy(counts.running, 'run').map(lock);
    this.#running = readdirSync(join(this.#dir, 'pods', 'run'))[0] as string;
  }

  /** Copies of the model in a phase; their directories. */
  #copy(count: number, phase: string): string[] {
    return Array.from({ length: count }, () => {
      const pod = join(this.#dir, 'pods', phase, randomUuid());
      cpSync(this.#model, pod, { recursive: true, preserveTimestamps: true });
      return pod;
    });
  }

  print(rounds: number): void {
    const total = this.#counts.exited + this.#counts.running;
    const command =
      (...args: string[]) =>
      (): readonly string[] => [rkt, `--dir=${this.#dir}`, ...args];
    const version: Candidate = { label: 'version', command: command('version') };
    const looks: Candidate[] = [
      { label: 'list', command: command('list') },
      { label: 'list --format=json', command: command('list', '--format=json') },
      { label: 'status, by a prefix', command: command('status', this.#running.slice(0, 13)) },
      { label: 'gc, nothing to do', command: command('gc', '--grace-period=1h') },
    ];
    // The gc of the first round marks; it is measured by itself below.
    const mark = time(command('gc', '--grace-period=1h'));
    const [base, ...results] = measure([version, ...looks], rounds);
    const start = median(base?.times ?? []);
    for (const { label, times } of results) report(label, median(times) - start, total);
    report('gc, mark', mark - start, this.#counts.exited);
    this.#printRemoval(command('gc', '--grace-period=0s'), start);
  }

  /** The sweep of all that have exited, in turn with what the kernel takes for the removal alone. `start` is that of rkt. */
  #printRemoval(gc: Candidate['command'], start: number): void {
    const { exited } = this.#counts;
    const garbage = join(this.#dir, 'pods', 'garbage');
    const sweeps: number[] = [];
    const removals: number[] = [];
    for (let round = 0; round < sweepRounds; round++) {
      if (round > 0) this.#copy(exited, 'exited-garbage');
      sweeps.push(time(gc) - start);
      this.#copy(exited, 'garbage');
      removals.push(time(() => ['rm', '-rf', garbage]));
      mkdirSync(garbage);
    }
    report('gc, sweep', middle(sweeps), exited);
    report('rm -rf of them', middle(removals), exited);
  }

  remove(): void {
    for (const fd of this.#locks) closeSync(fd);
    execFileSync('umount', [this.#dir]);
  }
}

const middle = (times: readonly number[]): number => median([...times].sort((a, b) => a - b));

/** How long a command takes once, in milliseconds. */
function time(command: Candidate['command']): number {
  const [program, ...args] = command(0);
  const before = performance.now();
  execFileSync(program as string, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  return performance.now() - before;
}

function report(label: string, time: number, pods: number): void {
  const each = (time / pods) * 1000;
  console.log(
    `  ${String(pods).padStart(5)} pods  ${label.padEnd(24)} ${time.toFixed(1).padStart(8)} ms ${each.toFixed(0).padStart(6)} µs`,
  );
}

/** The directory of one pod that has exited, beside an otherwise empty data directory. */
function makeModel(bench: Bench, dir: string): string {
  bench.collect();
  const own = join(bench.dataDir, 'pods', 'run');
  const [program, ...args] = bench.run('bench/true');
  execFileSync(program as string, args, { stdio: 'ignore' });
  const [uuid] = readdirSync(own);
  mkdirSync(dir, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', dir]);
  for (const phase of ['embryo', 'prepare', 'prepared', 'run', 'exited-garbage', 'garbage', 'names']) {
    mkdirSync(join(dir, 'pods', phase), { recursive: true });
  }
  const model = join(dir, 'model');
  cpSync(join(own, uuid as string), model, { recursive: true, preserveTimestamps: true });
  return model;
}

function lock(dir: string): number {
  const fd = openSync(dir, 'r');
  if (!native.flock(fd, 'exclusive', true)) throw new Error(`${dir} is locked already`);
  return fd;
}
