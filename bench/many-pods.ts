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
    this.#once('gc, mark', command('gc', '--grace-period=1h'), version);
    const [base, ...results] = measure([version, ...looks], rounds);
    const start = median(base?.times ?? []);
    for (const { label, times } of results) report(label, median(times) - start, total);
    this.#once('gc, sweep', command('gc', '--grace-period=0s'), version);
    // What the kernel takes for the removal alone.
    this.#copy(this.#counts.exited, 'garbage');
    const removal = ['rm', '-rf', join(this.#dir, 'pods', 'garbage')];
    this.#once('rm -rf of them', () => removal, { label: 'true', command: () => ['true'] });
  }

  /** What can be done once only; `empty` does nothing. */
  #once(what: string, command: Candidate['command'], empty: Candidate): void {
    const start = median(measure([empty], 5)[0]?.times ?? []);
    const [program, ...args] = command(0);
    const before = performance.now();
    execFileSync(program as string, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    report(what, performance.now() - before - start, this.#counts.exited);
  }

  remove(): void {
    for (const fd of this.#locks) closeSync(fd);
    execFileSync('umount', [this.#dir]);
  }
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
