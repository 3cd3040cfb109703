/** An app that takes all it can get: memory, processes, CPU time. It is bounded, that is recorded, and its neighbours live on. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { podScope } from '../../../runtime/stage1/cgroups.ts';
import { hierarchyOf } from '../../support/cgroups.ts';
import { type Running, Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;
let neighbour: Running;
const greedy = 'example.com/greedy';

const take = (script: string, ...options: string[]): string[] => [
  'run',
  greedy,
  ...options,
  '--exec=/bin/sh',
  '--',
  '-c',
  script,
];

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'greedy.aci');
  await makeImage({ name: greedy, exec: ['/bin/sh'], output: file });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
  neighbour = host.start(take('echo up; while read line; do echo $line $(echo works); done', '--name=neighbour'));
  await neighbour.prints(/up/);
});

/** The pod whose apps are named so. */
function statusOf(app: string): string {
  const found = host
    .uuids()
    .map((uuid) => host.ok(['status', uuid]))
    .filter((text) => text.includes(`app-${app}=`));
  expect(found).toHaveLength(1);
  return found[0] as string;
}

let turn = 0;
afterEach(async () => {
  // The neighbour can still start processes.
  turn++;
  neighbour.child.stdin?.write(`${turn}\n`);
  await neighbour.prints(new RegExp(`^${turn} works$`, 'm'));
  host.ok(['gc', '--grace-period=0s']);
});

afterAll(async () => {
  neighbour.child.stdin?.end();
  expect((await neighbour.ended).status).toBe(0);
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  await host.destroy();
});

test('memory: the app is ended, which is said and recorded', () => {
  const { status, stderr } = host.rkt(
    take('x=$(tr "\\0" x < /dev/zero | head -c 100000000); echo never', '--memory=8M'),
  );
  expect(status).toBe(137);
  expect(stderr).toMatch(/^rkt: app "greedy" reached its memory limit; processes killed: \d+\n$/);
  expect(statusOf('greedy')).toMatch(/\napp-greedy=137\noom-kills-greedy=[1-9]\d*\n$/);
});

test('memory of a file system in memory counts as well', () => {
  const { status } = host.rkt(
    take('tr "\\0" x < /dev/zero | head -c 100000000 > /dev/shm/x; echo never', '--memory=8M'),
  );
  expect(statusOf('greedy')).toContain('oom-kills-greedy=');
  expect(status).not.toBeNull();
});

test('processes: a fork bomb reaches its limit and no further', () => {
  const bomb = 'bomb() { bomb | bomb & }; bomb; sleep 0.5; exit 3';
  const { status, stderr } = host.rkt(take(bomb, '--pids-limit=64'));
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/rkt: app "greedy" reached its limit of processes; not started: \d+\n/);
  expect(statusOf('greedy')).toMatch(/\nrefused-forks-greedy=[1-9]\d*\n$/);
});

test('processes: there is a limit where nobody asks for one', () => {
  const limits = host.uuids().map((uuid) => readGroup('pids', uuid, 'neighbour/pids.max'));
  expect(limits).toContain('4096\n');
});

test('CPU time: an app over its quota is held back', async () => {
  const pod = host.start(take('echo up; while :; do :; done', '--cpu=50m', '--name=busy'));
  await pod.prints(/up/);
  const stat = (uuid: string): string | undefined => readGroup('cpu', uuid, 'busy/cpu.stat');
  const uuid = host.uuids().find((one) => stat(one) !== undefined) as string;
  while (!/^nr_throttled [1-9]/m.test(stat(uuid) ?? '')) await new Promise((resolve) => setImmediate(resolve));
  pod.child.kill('SIGTERM');
  expect((await pod.ended).status).toBe(143);
});

/** A file of a pod's group; undefined where the pod has no such group. */
function readGroup(controller: string, uuid: string, file: string): string | undefined {
  try {
    return readFileSync(join(hierarchyOf(controller), podScope(uuid), file), 'utf8');
  } catch {
    return undefined;
  }
}
