/** Pods that do not end the way they should: after a gc, the host is as before. */

import { readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { type Running, rktPath, Sandbox } from '../support/sandbox.ts';

let host: Sandbox;
let service: Running;

const sleeper = ['run', '--private-net', 'example.com/busybox', '--exec', '/bin/sh', '--', '-c', 'echo up; sleep 1000'];

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'busybox.aci');
  await makeImage({ name: 'example.com/busybox', exec: ['/bin/true'], output: file });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
  service = await host.metadataService();
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.uuids()).toEqual([]);
  expect(host.leftovers({ service: true })).toEqual([]);
});

afterAll(async () => {
  service.child.kill('SIGTERM');
  await service.ended;
  expect(host.leftovers()).toEqual([]);
  await host.destroy();
});

const query = 'curl -s --unix-socket /run/rkt/metadata-svc.sock http://rkt/v1/pods';

/** What a pod's end leaves to gc: elements that name a link which no longer exists (docs/decisions/002). */
const withoutElements = (lines: string[]): string[] => lines.filter((line) => !/^nft .*elements/.test(line));

/** The kernel destroys a link by itself, soon after the last user of its namespace is gone. */
const linksGone = (): void => {
  host.exec(['sh', '-c', 'while ip -o link | grep -q ": rkt"; do :; done']);
};

test('a normal end leaves no link, namespace, lease, mount or cgroup, even before a gc', () => {
  host.ok(['run', '--private-net', 'example.com/busybox']);
  linksGone();
  expect(withoutElements(host.leftovers({ service: true }))).toEqual([]);
});

test('kill -9 of the monitor ends the pod and its registration at once', async () => {
  const pod = host.start(sleeper);
  await pod.prints(/up/);
  const [uuid = ''] = host.uuids();
  const init = Number(readFileSync(join(host.dataDir, 'pods', 'run', uuid, 'pid'), 'utf8'));
  expect(host.exec(['sh', '-c', query]).stdout).toContain(uuid);
  process.kill(pod.pid, 'SIGKILL');
  expect(await pod.ended).toEqual({ status: null, signal: 'SIGKILL' });
  // The kernel ends init with its parent, and the service hears of it: both without anybody's doing, soon after.
  host.exec(['sh', '-c', `while grep -q '^State:.[^Z]' /proc/${init}/status 2>/dev/null; do :; done`]);
  host.exec(['sh', '-c', `while ${query} | grep -q ${uuid}; do :; done`]);
  expect(host.ok(['status', uuid])).toMatch(/^state=exited\n/);
});

test('a pod in the background is registered as long as it lives, whether it is stopped or its monitor killed', async () => {
  for (const end of ['stop', 'kill']) {
    const uuid = host.ok(['run', '--detach', ...sleeper.slice(1)]).trim();
    const init = readFileSync(join(host.dataDir, 'pods', 'run', uuid, 'pid'), 'utf8');
    expect(host.exec(['sh', '-c', query]).stdout).toContain(uuid);
    if (end === 'stop') host.ok(['stop', uuid]);
    else process.kill(Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${init}/status`, 'utf8'))?.[1]), 'SIGKILL');
    host.exec(['sh', '-c', `while ${query} | grep -q ${uuid}; do :; done`]);
    host.exec(['sh', '-c', `while ${rktPath} status ${uuid} | grep -q ^state=running; do :; done`]);
  }
});

test('kill -9 of the pod’s init ends the pod in order', async () => {
  const pod = host.start(sleeper);
  await pod.prints(/up/);
  const [uuid = ''] = host.uuids();
  process.kill(Number(readFileSync(join(host.dataDir, 'pods', 'run', uuid, 'pid'), 'utf8')), 'SIGKILL');
  const { status } = await pod.ended;
  expect(status).toBe(137);
  linksGone();
  expect(withoutElements(host.leftovers({ service: true }))).toEqual([]);
});

test.each(['node and load', 'resolve', 'prepare', 'network', 'plan', 'registration'])(
  'kill -9 of rkt after the step "%s" is cleaned up by gc',
  async (step) => {
    const pod = host.start(['--debug', ...sleeper]);
    await pod.says(new RegExp(`timing: ${step} `));
    pod.child.kill('SIGKILL');
    expect(await pod.ended).toEqual({ status: null, signal: 'SIGKILL' });
  },
);

test('40 pods at once, among gcs and lists: no address twice, nothing left', async () => {
  const show = ['--exec', '/bin/sh', '--', '-c', 'ip -4 -o address show dev eth0; cat'];
  const pods = Array.from({ length: 40 }, () => host.start(['run', '--private-net', 'example.com/busybox', ...show]));
  const others = Array.from({ length: 10 }, (_, index) =>
    host.start(index % 2 === 0 ? ['gc', '--grace-period=0s'] : ['list']),
  );
  // All of them live at the same time, each with its address, until their input ends.
  const addresses = await Promise.all(pods.map(async (pod) => (await pod.prints(/inet ([\d.]+)\/31/))[1]));
  expect(new Set(addresses).size).toBe(40);
  for (const pod of pods) pod.child.stdin?.end();
  for (const running of [...pods, ...others]) {
    expect([await running.ended, running.stderr]).toEqual([{ status: 0, signal: null }, '']);
  }
}, 180_000);

test('a pool without a free address says so, leaves nothing, and works again when there is one', async () => {
  const dir = '/run/rkt/networks/default';
  const pod = host.start(sleeper);
  await pod.prints(/up/);
  const [live = ''] = host.uuids();
  // Leases that belong to a living pod cannot be reclaimed.
  const fill = `for i in $(seq 3 2 253); do test -e ${dir}/172.16.28.$i || cp ${dir}/$(grep -l ${live} -r ${dir} | head -n 1 | xargs basename) ${dir}/172.16.28.$i; done`;
  expect(host.exec(['sh', '-c', fill]).status).toBe(0);
  const { status, stderr } = host.rkt(['run', '--private-net', 'example.com/busybox']);
  expect(status).toBe(254);
  expect(stderr).toContain(
    'rkt: all 126 addresses of the default network (172.16.28.0/24) are in use by running pods\n',
  );
  expect(host.uuids()).toEqual([live]);
  pod.child.kill('SIGTERM');
  await pod.ended;
  host.ok(['gc', '--grace-period=0s']);
  expect(host.rkt(['run', '--private-net', 'example.com/busybox']).status).toBe(0);
});

test('kill -9 of the metadata service: gc takes away what it left, and the next one serves', async () => {
  service.child.kill('SIGKILL');
  await service.ended;
  expect(host.leftovers()).not.toEqual([]);
  expect(host.rkt(['gc', '--grace-period=0s']).stderr).toBe(
    'rkt: removed what a metadata service that was killed had left\n',
  );
  expect(host.leftovers()).toEqual([]);
  service = await host.metadataService();
  expect(host.rkt(['run', '--private-net', 'example.com/busybox']).status).toBe(0);
});

test('files that lost their end with the power are reported, hide no other pod, and are collected', async () => {
  const pod = host.start(sleeper);
  await pod.prints(/up/);
  const [uuid = ''] = host.uuids();
  process.kill(pod.pid, 'SIGKILL');
  await pod.ended;
  const dir = join(host.dataDir, 'pods', 'run', uuid);
  for (const file of ['net-info.json', 'pod']) truncateSync(join(dir, file), 0);
  const { stdout, stderr } = host.rkt(['list', '--full', '--no-legend']);
  expect(stdout).toMatch(new RegExp(`^${uuid}  -  -  -  exited `));
  expect(stderr).toContain(`rkt: warning: pod ${uuid}: ${dir}/net-info.json is damaged: `);
  expect(host.rkt(['status', uuid]).stdout).toMatch(/^state=exited\n/);
  expect(host.rkt(['gc', '--grace-period=0s']).status).toBe(0);
});

test('what stage1 refuses leaves nothing of the network', () => {
  // A directory as standard input is refused by stage1, when link, lease and registration are there already.
  const { status, stderr } = host.exec(['sh', '-c', `exec "$0" run --private-net example.com/busybox < /`, rktPath]);
  expect([status, stderr]).toEqual([254, expect.stringMatching(/^rkt: .*directory.*\n$/)]);
  linksGone();
  expect(withoutElements(host.leftovers({ service: true }))).toEqual([]);
});
