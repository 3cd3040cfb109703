import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { handDownControllers, hierarchiesIn, podScope } from '../../../runtime/stage1/cgroups.ts';

const line = (mount: string, type: string, options: string): string =>
  `30 25 0:26 / ${mount} rw,nosuid - ${type} cgroup rw,${options}`;

test('v2 only', () => {
  expect(hierarchiesIn(line('/sys/fs/cgroup', 'cgroup2', 'nsdelegate'), () => ['cpu', 'io'])).toEqual([
    { mount: '/sys/fs/cgroup', version: 2, controllers: ['cpu', 'io'] },
  ]);
});

test('v1 and hybrid: those that count or bound, each once, spaces unquoted', () => {
  const mountinfo = [
    line('/sys/fs/cgroup/memory', 'cgroup', 'memory'),
    line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'cpu,cpuacct'),
    line('/mnt/again', 'cgroup', 'memory'),
    line('/sys/fs/cgroup/net_cls', 'cgroup', 'net_cls'),
    line('/sys/fs/cgroup/sys\\040temd', 'cgroup', 'xattr,name=systemd'),
    line('/sys/fs/cgroup/unified', 'cgroup2', ''),
    line('/data', 'ext4', ''),
  ].join('\n');
  expect(hierarchiesIn(mountinfo, () => [])).toEqual([
    { mount: '/sys/fs/cgroup/memory', version: 1, controllers: ['memory'] },
    { mount: '/sys/fs/cgroup/cpu,cpuacct', version: 1, controllers: ['cpu', 'cpuacct'] },
    { mount: '/sys/fs/cgroup/sys temd', version: 1, controllers: ['name=systemd'] },
    { mount: '/sys/fs/cgroup/unified', version: 2, controllers: [] },
  ]);
});

test('the scope is named as systemd escapes it', () => {
  expect(podScope('5bc080ca-9e03-480d-b705-5928af396cc5')).toBe(
    'machine-rkt\\x2d5bc080ca\\x2d9e03\\x2d480d\\x2db705\\x2d5928af396cc5.scope',
  );
});

/** Files that look like the top of a unified hierarchy; the kernel is not asked. */
let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'rkt-cgroup-'));
});
afterEach(() => rmSync(top, { recursive: true }));

test('controllers that are not handed down are switched on, unless there are none', () => {
  const write = (file: string, text: string): void => writeFileSync(join(top, file), text);
  write('cgroup.controllers', 'cpuset cpu io memory pids rdma\n');
  write('cgroup.subtree_control', 'cpu memory\n');
  expect(handDownControllers(top)).toEqual(['cpu', 'io', 'memory', 'pids']);
  expect(readFileSync(join(top, 'cgroup.subtree_control'), 'utf8')).toBe('+pids');
  write('cgroup.controllers', '\n');
  expect(handDownControllers(top)).toEqual([]);
});
