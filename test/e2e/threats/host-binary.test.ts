/**
 * A hostile app that wants to overwrite the program that runs it (CVE-2019-5736): /proc/PID/exe of a helper inside the pod
 * leads to a file of the host.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { rktPath, Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;
const stage1 = join(dirname(dirname(rktPath)), 'lib', 'rkt', 'stage1', 'rootfs', 'run');
const digest = (): string => createHash('sha256').update(readFileSync(stage1)).digest('hex');

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'busybox.aci');
  await makeImage({ name: 'example.com/busybox', exec: ['/bin/true'], output: file });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
});

afterAll(() => host.destroy());

const run = (script: string, ...options: string[]) =>
  host.rkt(['run', ...options, 'example.com/busybox', '--exec', '/bin/sh', '--', '-c', script]);

test('an executable that is /proc/self/exe runs nothing of the host', () => {
  const before = digest();
  const { status } = host.rkt(['run', 'example.com/busybox', '--exec', '/proc/self/exe', '--', 'x']);
  expect(status).toBe(254);
  expect(digest()).toBe(before);
});

test('with the default capabilities the helpers in the pod cannot even be looked at', () => {
  const { stdout } = run(
    'readlink /proc/1/exe || echo refused; ls /proc/1/root/ || echo refused; cat /proc/1/environ | wc -c',
  );
  expect(stdout).toBe('refused\nrefused\n0\n');
});

test('with all capabilities they still cannot be written to', () => {
  const before = digest();
  const attack = [
    'ls -l /proc/1/exe >/dev/null && echo seen',
    'echo x >> /proc/1/exe || echo refused',
    'dd if=/dev/zero of=/proc/1/exe bs=1 count=1 conv=notrunc || echo refused',
  ].join('; ');
  const { stdout, stderr } = run(attack, '--insecure-options=capabilities');
  expect(stdout).toBe('seen\nrefused\nrefused\n');
  expect(stderr).toMatch(/Read-only file system|Text file busy/);
  expect(digest()).toBe(before);
});

test('nothing of the host is below the root of the pod’s init, even for an app with all capabilities', () => {
  const { stdout } = run('ls -A /proc/1/root/ | wc -l; ls -A /proc/1/cwd/ | wc -l', '--insecure-options=capabilities');
  expect(stdout).toBe('0\n0\n');
});
