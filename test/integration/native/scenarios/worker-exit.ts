/**
 * A worker loads the addon, starts something that takes time, and is gone before it is done. Arguments: directory, what to start.
 * The main thread never loads the addon, so its code is unmapped with the worker.
 */

import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

const [, , dir = '', what = ''] = process.argv;
const rounds = 10;

const source = `
  import { closeSync } from 'node:fs';
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
  process.exit(7);
`;

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
process.stdout.write(JSON.stringify({ codes, leaked: descriptors() - before, made: readdirSync(dir).length }));
