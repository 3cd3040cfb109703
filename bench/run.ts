/**
 * `make bench`: how long a start takes and what a pod costs while it idles, beside other runtimes, on this machine, in this
 * run. Absolute times say more about the machine than about the program; the ratios are what to look at.
 *
 * `npm run bench -- fetch` measures downloads instead (fetch.ts), `npm run bench -- import` local images (import.ts).
 *
 * Runs in a network and mount namespace of its own. Options: --rounds=N (default 20).
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureMemory } from './memory.ts';
import { makePeers } from './peers.ts';
import { Bench } from './rkt.ts';
import { measure, printResults } from './starts.ts';

/** Starts this script again where it can do no harm; returns only in there. */
function enterNamespaces(): void {
  if (process.env.RKT_BENCH_INSIDE === '1') return;
  const setup = 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$0" "$@"';
  const { status } = spawnSync(
    'unshare',
    ['-nm', '--propagation', 'private', 'sh', '-c', setup, process.execPath, ...process.argv.slice(1)],
    { stdio: 'inherit', env: { ...process.env, RKT_BENCH_INSIDE: '1' } },
  );
  process.exit(status ?? 1);
}

const roundsOption = process.argv.find((arg) => arg.startsWith('--rounds='));
const rounds = roundsOption === undefined ? 20 : Number(roundsOption.slice('--rounds='.length));

enterNamespaces();
if (process.argv.includes('fetch')) {
  const { benchFetch } = await import('./fetch.ts');
  await benchFetch(roundsOption === undefined ? 1 : rounds);
  process.exit();
}
if (process.argv.includes('import')) {
  const { benchImport } = await import('./import.ts');
  benchImport(roundsOption === undefined ? 3 : rounds);
  process.exit();
}
const dir = mkdtempSync(join(tmpdir(), 'rkt-bench-'));
const bench = await Bench.create(dir);
try {
  const results = measure([...bench.candidates(), ...makePeers(dir, bench.rootfs)], rounds);
  printResults(results);
  bench.printSplit();
  await measureMemory(bench);
} finally {
  await bench.destroy();
  rmSync(dir, { recursive: true, force: true });
}
