/**
 * `make bench`: how long a start takes and what a pod costs while it idles, beside other runtimes, on this machine, in this
 * run. Absolute times say more about the machine than about the program; the ratios are what to look at.
 *
 * `npm run bench -- fetch` measures downloads instead (fetch.ts), `npm run bench -- import` local images (import.ts),
 * `npm run bench -- many-starts` only pods per second, `npm run bench -- many-pods` only what many pods cost, and
 * `npm run bench -- logs` only the output of apps.
 *
 * Runs in a network and mount namespace of its own. Options: --rounds=N (default 20), --pods=N (default 100).
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureEnter } from './enter.ts';
import { benchLogs } from './logs.ts';
import { benchManyPods } from './many-pods.ts';
import { measureManyStarts } from './many-starts.ts';
import { measureMemory } from './memory.ts';
import { makePeers } from './peers.ts';
import { Bench } from './rkt.ts';
import { type Candidate, measure, printResults } from './starts.ts';

/** Starts this script again where it can do no harm; returns only in there. */
function enterNamespaces(): void {
  if (process.env.RKT_BENCH_INSIDE === '1') return;
  // crun refuses to see both cgroup versions. Where the controllers are v1's, nobody here needs the other.
  const setup =
    '{ ! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified; } && ' +
    'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$0" "$@"';
  const { status } = spawnSync(
    'unshare',
    ['-nm', '--propagation', 'private', 'sh', '-c', setup, process.execPath, ...process.argv.slice(1)],
    { stdio: 'inherit', env: { ...process.env, RKT_BENCH_INSIDE: '1' } },
  );
  process.exit(status ?? 1);
}

const numberOption = (name: string): number | undefined => {
  const option = process.argv.find((arg) => arg.startsWith(`--${name}=`));
  return option === undefined ? undefined : Number(option.slice(name.length + 3));
};
const rounds = numberOption('rounds');
const pods = numberOption('pods') ?? 100;

enterNamespaces();
if (process.argv.includes('fetch')) {
  const { benchFetch } = await import('./fetch.ts');
  await benchFetch(rounds ?? 1);
  process.exit();
}
if (process.argv.includes('import')) {
  const { benchImport } = await import('./import.ts');
  benchImport(rounds ?? 3);
  process.exit();
}
const only = ['many-starts', 'many-pods', 'logs'].find((part) => process.argv.includes(part));
const dir = mkdtempSync(join(tmpdir(), 'rkt-bench-'));
const bench = await Bench.create(dir);
const [bare, ...starts] = bench.candidates();
const peers = makePeers(dir, bench.rootfs);
try {
  const wants = (part: string): boolean => only === undefined || only === part;
  if (only === undefined) await benchStarts();
  if (wants('many-starts')) await measureManyStarts([...starts, ...peers], pods);
  if (only === undefined) await measureMemory(bench);
  if (wants('many-pods')) benchManyPods(bench, Math.min(rounds ?? 10, 10));
  if (wants('logs')) benchLogs(bench, Math.min(rounds ?? 3, 5));
} finally {
  await bench.destroy();
  rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

async function benchStarts(): Promise<void> {
  printResults(measure([bare as Candidate, ...starts, ...peers], rounds ?? 20));
  console.log();
  await measureEnter(bench, rounds ?? 20);
  bench.printSplit();
}
