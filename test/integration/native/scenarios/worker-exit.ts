/**
 * A worker loads the addon, starts something that takes time, and is gone before it is done. Arguments: directory, what to start.
 * The main thread never loads the addon, so its code is unmapped with the worker.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

const [, , dir = '', what = ''] = process.argv;
const rounds = 10;

const source = `
  import { closeSync, openSync } from 'node:fs';
  import { native } from ${JSON.stringify(new URL('../../../../native/index.ts', import.meta.url).href)};
  const [dir, what, round] = ${JSON.stringify([dir, what])}.concat(ROUND);
  if (what === 'createNetns') for (let n = 0; n < 5; n++) void native.createNetns(dir + '/' + round + '-' + n);
  if (what === 'watchPidfd') {
    const pidfd = native.pidfdOpen(process.pid);
    for (let n = 0; n < 5; n++) native.watchPidfd(pidfd).ended.then(() => process.abort());
    const cancelled = native.watchPidfd(pidfd);
    cancelled.cancel();
    cancelled.cancel();
    closeSync(pidfd);
  }
  if (what === 'lockFreed') {
    const fd = openSync(dir, 'r');
    for (let n = 0; n < 5; n++) native.lockFreed(fd).then(() => process.abort());
    closeSync(fd);
  }
  process.exit(7);
`;

/** The lock of the directory is held until its standard input ends. */
const holder = what === 'lockFreed' ? spawn('flock', ['-x', dir, 'sh', '-c', 'echo; read line']) : undefined;
if (holder !== undefined) await once(holder.stdout, 'data');
const threads = (): number => readdirSync('/proc/self/task').length;
const threadsBefore = threads();

const descriptors = (): number => readdirSync('/proc/self/fd').length;
const codes: number[] = [];
let before = 0;
for (let round = 0; round < rounds; round++) {
  // The first round opens what node keeps: its inspector, the thread pool.
  if (round === 1) before = descriptors();
  const script = source.replace('ROUND', `'${round}'`);
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
  codes.push(await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject)));
}
// Threads of workers that are gone wait for the lock; they must find their way out of an environment that is no more.
if (holder !== undefined) {
  const ended = once(holder, 'exit');
  holder.stdin.end();
  await ended;
  while (threads() > threadsBefore) await new Promise((resolve) => setImmediate(resolve));
}
process.stdout.write(JSON.stringify({ codes, leaked: descriptors() - before, made: readdirSync(dir).length }));
