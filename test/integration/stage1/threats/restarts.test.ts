/** An app of the pod that looks into what another app is started again by. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { attackCapabilities } from '../../threats/exe-attack.ts';
import { TestPod } from '../harness.ts';

let pod: TestPod;
beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

/*
 * /proc/PID/root and /proc/PID/fd of other processes are open to CAP_SYS_PTRACE. Nothing of the host may lie behind them: not its
 * root directory, not the lock, not the files of the monitor.
 */
test('sees no process that still has the host', async () => {
  const secret = join(pod.dir, 'secret');
  writeFileSync(secret, 'of the host');
  const watch = `echo watching
    while [ ! -e /dev/shm/over ]; do
      for process in /proc/[0-9]*; do
        [ ! -e $process/root${secret} ] || echo "$process has the root of the host"
        [ ! -e $process/fd/3/stage1.plan ] || echo "$process has the lock"
      done
    done`;
  // Started again as often and as fast as can be: the first time after 100 ms.
  const victims = Array.from({ length: 4 }, (_, i) =>
    pod.app({ name: `victim-${i}`, script: 'exit 1', restart: { policy: 'on-failure', limit: 3 } }),
  );
  const last = pod.app({ name: 'last', script: 'sleep 2; touch /dev/shm/over; exit 0' });
  const attacker = pod.app({ name: 'attacker', script: watch, capsBounding: attackCapabilities });
  const { stdout } = await pod.run([attacker, last, ...victims], { stopTimeoutMs: 500 });
  expect(stdout).toBe('watching\n');
});
