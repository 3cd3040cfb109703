/** Children that the monitor has from the program it was before: `rkt run` may have started a metadata service. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { TestPod } from './harness.ts';

let pod: TestPod;
beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

const isThere = (pid: string): boolean => existsSync(`/proc/${pid}`);

/** Until the process is no zombie either; the time limit of the test is the deadline. */
async function gone(pid: string): Promise<void> {
  while (isThere(pid)) await new Promise((resolve) => setImmediate(resolve));
}

test('are reaped when they end, before and while the pod runs, and are not taken for the pod', async () => {
  const script = `true & echo $! > early; cat <&4 >/dev/null & echo $! > late; exec 4<&-; exec "$@"`;
  const run = pod.start(pod.plan([pod.app({ script: 'echo ready; cat; exit 3' })]), {
    stdio: ['pipe', 'pipe', 'pipe', pod.lockFd, 'pipe'],
    wrapper: ['/bin/sh', '-c', script, 'sh'],
  });
  await run.line('ready');
  const [early = '', late = ''] = ['early', 'late'].map((name) => readFileSync(join(pod.pod, name), 'utf8').trim());
  await gone(early);
  expect(isThere(late)).toBe(true);
  (run.child.stdio[4] as Writable).end();
  await gone(late);
  expect(isThere(pod.file('pid'))).toBe(true);
  run.child.stdin?.end();
  expect((await run.ended).code).toBe(3);
});
