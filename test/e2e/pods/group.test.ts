/** Looking without being root: members of group rkt may, and see no secrets; others may not. */

import { chmodSync, copyFileSync, cpSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { type Result, type Running, rktPath, Sandbox } from '../../support/sandbox.ts';

/** A group that no test host has, and a user who is nobody. */
const groupId = 54_321;
const nobody = 65_534;
const image = 'example.com/busybox';

let host: Sandbox;
let service: Running;
let pod: Running;
let uuid: string;
let dist: string;

beforeAll(async () => {
  host = await Sandbox.create();
  const groups = join(host.dir, 'group');
  copyFileSync('/etc/group', groups);
  writeFileSync(groups, `${readFileSync(groups, 'utf8')}rkt:x:${groupId}:\n`);
  host.exec(['mount', '--bind', groups, '/etc/group']);
  // Others need a way to the program and to the data directory, but nothing else.
  chmodSync(host.dir, 0o711);
  dist = join(host.dir, 'dist');
  cpSync(dirname(dirname(rktPath)), dist, { recursive: true });
  host.exec(['chmod', '-R', 'a+rX', dist]);
  service = await host.metadataService();
  const file = join(host.dir, 'busybox.aci');
  await makeImage({ name: image, exec: ['/bin/true'], output: file });
  // Whatever the umask of the caller is.
  umask(['-insecure-skip-verify', 'fetch', file]);
  umask(['run', '--pod-name=old', image]);
  umask(['prepare', '--pod-name=new', image]);
  const run = ['run', '--private-net', '--pod-name=live', image, '--exec', '/bin/sh', '--', '-c', 'echo up; read line'];
  pod = host.start(run);
  await pod.prints(/up/);
  uuid = /^[0-9a-f-]{36}$/m.exec(host.ok(['list', '-q', '--state=running']))?.[0] as string;
});

afterAll(async () => {
  pod.child.stdin?.end('\n');
  await pod.ended;
  service.child.kill('SIGTERM');
  await service.ended;
  host.ok(['rm', 'old', 'new', 'live']);
  expect(host.leftovers()).toEqual([]);
  await host.destroy();
});

const umask = (args: readonly string[]): Result =>
  host.exec(['sh', '-c', 'umask 077; exec "$0" "$@"', rktPath, ...args]);

/** As a user with this group. */
const as = (group: number, ...command: string[]): Result =>
  host.exec(['setpriv', `--reuid=${nobody}`, `--regid=${group}`, '--clear-groups', '--', ...command], { cwd: '/' });
const rkt = (...args: string[]): Result => as(groupId, join(dist, 'bin', 'rkt'), ...args);

describe('a member of group rkt', () => {
  test.each([
    [['list', '--full']],
    [['list', '--format=json']],
    [['status', 'live']],
    [['status', '--verbose', 'old']],
    [['status', '--format=json-pretty', 'new']],
    [['status', '--wait', 'old']],
    [['cat-manifest', 'live']],
    [['image', 'list', '--full']],
    [['image', 'cat-manifest', image]],
  ])('sees what root sees: rkt %j', (args) => {
    const root = host.rkt(args);
    expect(root).toMatchObject({ status: 0, stderr: '' });
    expect(rkt(...args)).toEqual(root);
  });

  test('sees events', () => {
    const command = `"$0" events --since=1h --format=json live | head -n 1`;
    const { status, stdout, stderr } = as(groupId, 'sh', '-c', command, join(dist, 'bin', 'rkt'));
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ uuid, event: 'started', name: 'live' });
  });

  test.each([[['run', image]], [['prepare', image]], [['run-prepared', 'new']], [['rm', 'old']], [['gc']]])(
    'changes nothing: rkt %j',
    (args) => {
      expect(rkt(...args)).toMatchObject({
        status: 254,
        stderr: expect.stringMatching(/must be run as root, not as user 65534\n/),
      });
    },
  );

  test('reads no secret and no file of an app', () => {
    const dir = join(host.dataDir, 'pods', 'run', uuid);
    const secrets = ['stage1.plan', 'overlay', 'overlay/busybox/upper'].map((name) => join(dir, name));
    const stores = ['blobs', 'trees', 'signatures', 'tmp', 'locks'].map((name) => join(host.dataDir, 'images', name));
    for (const path of [...secrets, ...stores, join(host.dataDir, 'metadata-service')]) {
      const { status, stderr } = as(groupId, 'sh', '-c', 'test -d "$0" && ls "$0" || cat "$0"', path);
      expect([path, status, stderr]).toEqual([path, 1, expect.stringContaining('Permission denied')]);
    }
    expect(statSync(join(dir, 'stage1.plan')).mode & 0o777).toBe(0o600);
  });

  test('writes nowhere', () => {
    const { stdout } = as(groupId, 'find', host.dataDir, '-writable', '!', '-type', 'l');
    expect(stdout).toBe('');
  });
});

test('a data directory from before the group is put right by the script for packagers', () => {
  const dir = join(host.dir, 'older');
  const old = (...args: string[]): Result => host.rkt([`--dir=${dir}`, ...args]);
  // Without the group: as if it were not in the file yet.
  host.exec(['umount', '/etc/group']);
  expect(old('-insecure-skip-verify', 'fetch', join(host.dir, 'busybox.aci')).status).toBe(0);
  expect(old('run', image).status).toBe(0);
  expect(old('prepare', '--no-overlay', '--pod-name=w', '--volume=v,kind=empty', image).status).toBe(0);
  host.exec(['mount', '--bind', join(host.dir, 'group'), '/etc/group']);
  expect(rkt(`--dir=${dir}`, 'list').status).toBe(254);
  const script = join(dirname(dirname(dirname(import.meta.dirname))), 'deploy', 'setup-data-dir.sh');
  for (let twice = 0; twice < 2; twice++) expect(host.exec([script, dir])).toMatchObject({ status: 0, stderr: '' });
  for (const args of [
    ['list', '--full'],
    ['status', 'w'],
    ['cat-manifest', 'w'],
    ['image', 'list', '--full'],
  ]) {
    const root = old(...args);
    expect(root).toMatchObject({ status: 0, stderr: '' });
    expect(rkt(`--dir=${dir}`, ...args)).toEqual(root);
  }
  const readable = as(groupId, 'find', join(dir, 'pods'), '(', '-path', '*/rootfs/*', '-o', '-path', '*/upper/*', ')');
  expect(readable.stdout).toBe('');
  // What is made from now on is right by itself.
  expect(old('prepare', '--pod-name=later', image).status).toBe(0);
  expect(rkt(`--dir=${dir}`, 'status', 'later').stdout).toMatch(/^state=prepared\n/);
  old('gc', '--expire-prepared=0s', '--grace-period=0s');
});

test('anybody else is told who may', () => {
  expect(as(nobody, join(dist, 'bin', 'rkt'), 'list')).toMatchObject({
    status: 254,
    stdout: '',
    stderr: `rkt: reading the pods of ${host.dataDir}: only root and members of group rkt may\nrkt: try sudo\n`,
  });
});
