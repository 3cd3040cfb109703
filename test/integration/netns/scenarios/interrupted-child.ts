/**
 * Sets up or takes down a pod's network and kills itself, as by kill -9, right after the N-th call that may
 * change something. Arguments: directory, 'setup' or 'teardown', N. Ends normally, with the number of steps, where there are fewer.
 */

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { native } from '../../../../native/index.ts';

const [, , , mode = '', limit = ''] = process.argv;
let steps = 0;
/** Node itself opens files to load modules. */
let counting = false;

function step(): void {
  if (counting && ++steps === Number(limit)) process.kill(process.pid, 'SIGKILL');
}

/** Counts a step after each call. */
function interrupt<T extends object>(owner: T, names: (keyof T)[]): void {
  for (const name of names) {
    const original = owner[name] as (...args: unknown[]) => unknown;
    const replacement = (...args: unknown[]): unknown => {
      const result = original.apply(owner, args);
      if (result instanceof Promise) return result.finally(step);
      step();
      return result;
    };
    owner[name] = replacement as T[keyof T];
  }
}

interrupt(native, ['createNetns', 'removeNetns', 'netlinkTransact', 'flock']);
interrupt(fs, ['openSync', 'writeSync', 'writeFileSync', 'unlinkSync', 'mkdirSync']);
syncBuiltinESMExports();

const { leaseDir, netnsDir, report, startPod, uuidOf } = await import('./world.ts');
const { teardownPodNetwork } = await import('../../../../netns/index.ts');
counting = true;
if (mode === 'setup') await startPod(1);
else teardownPodNetwork({ uuid: uuidOf(1), network: undefined, netns: `${netnsDir}/${uuidOf(1)}`, leaseDir });
counting = false;
report(steps);
