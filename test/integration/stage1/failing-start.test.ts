/** What `rkt run` has made for a pod goes when `run` cannot even begin. */

import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { native } from '../../../native/index.ts';
import type { LaunchPlan } from '../../../runtime/stage1/plan.ts';
import { executable, TestPod } from './harness.ts';

let pod: TestPod;
let pin: string;
let lease: string;

beforeEach(async () => {
  pod = new TestPod();
  pin = join(pod.dir, 'pin');
  lease = join(pod.dir, 'lease');
  await native.createNetns(pin);
  writeFileSync(lease, 'taken\n');
  for (const { dir } of pod.cgroups) mkdirSync(dir);
});
afterEach(async () => {
  native.removeNetns(pin);
  expect(await pod.finish()).toEqual([]);
});

const plan = (options: Partial<LaunchPlan> = {}): LaunchPlan =>
  pod.plan([pod.app()], {
    netns: pin,
    teardown: [
      { kind: 'umount', path: pin },
      { kind: 'unlink', path: lease },
    ],
    ...options,
  });

/** What is left of the pod on the host. */
const left = (): string[] => [
  ...[pin, lease, ...pod.cgroups.map(({ dir }) => dir)].filter((path) => existsSync(path)),
  ...readFileSync('/proc/self/mountinfo', 'latin1')
    .split('\n')
    .filter((line) => line.includes(pin)),
];

test('a hostname that is too long', async () => {
  const { code, stderr } = await pod.start(plan({ hostname: 'h'.repeat(65) })).ended;
  expect([code, stderr]).toEqual([254, 'rkt: the hostname is 65 bytes long, but can be at most 64\n']);
  expect(left()).toEqual([]);
});

test.each([0, 1, 2])('a directory as standard stream %d', async (stream) => {
  const directory = openSync('/', 'r');
  const stdio: (number | 'ignore' | 'pipe')[] = ['ignore', 'pipe', 'pipe', pod.lockFd];
  stdio[stream] = directory;
  const { code, stderr } = await pod.start(plan(), { stdio }).ended;
  closeSync(directory);
  const message = `rkt: descriptor ${stream} is a directory; pass a file, a terminal or a pipe\n`;
  expect([code, stderr]).toEqual([254, stream === 2 ? '' : message]);
  expect(left()).toEqual([]);
});

test('a lease that is no connection', async () => {
  const { code, stderr } = await pod.start(plan({ leaseFd: 9 })).ended;
  expect([code, stderr]).toEqual([254, "rkt: descriptor 9 is not the connection of the pod's registration\n"]);
  expect(left()).toEqual([]);
});

test('a pod that another monitor has locked loses nothing', () => {
  const before = left();
  expect(before).toEqual(expect.arrayContaining([pin, lease, ...pod.cgroups.map(({ dir }) => dir)]));
  pod.write(plan({ hostname: 'h'.repeat(65) }));
  native.flock(pod.lockFd, 'exclusive', true);
  const other = openSync(pod.pod, 'r');
  const { status } = spawnSync(executable('run'), [pod.uuid], {
    cwd: pod.pod,
    stdio: ['ignore', 'ignore', 'ignore', other],
  });
  closeSync(other);
  expect(status).toBe(254);
  expect(left()).toEqual(before);
  expect(spawnSync(executable('gc'), [pod.uuid], { cwd: pod.pod, stdio: 'ignore' }).status).toBe(0);
});
