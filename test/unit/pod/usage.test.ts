import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { PodGroup } from '../../../runtime/pod/look/groups.ts';
import { groupUsage } from '../../../runtime/pod/look/usage.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-usage-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** A group with files as the kernel writes them. */
function group(version: 1 | 2, controllers: string[], files: Readonly<Record<string, string>>): PodGroup {
  const own = join(dir, controllers.join('-') || 'none');
  mkdirSync(join(own, 'app'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(own, 'app', name), text);
  return { hierarchy: { mount: dir, version, controllers }, dir: own };
}

const memoryStat = (key: string): string => `active_file 5\n${key} 1000\n`;

test('cgroup v2', () => {
  const unified = group(2, ['cpu', 'io', 'memory', 'pids'], {
    'cpu.stat': 'usage_usec 2500000\nuser_usec 1\n',
    'memory.current': '5000\n',
    'memory.max': 'max\n',
    'memory.stat': memoryStat('inactive_file'),
    'pids.current': '3\n',
    'pids.max': '4096\n',
    'io.stat': '8:0 rbytes=100 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2 rios=1 wios=1\n',
  });
  expect(groupUsage([unified], 'app')).toEqual({
    cpuSeconds: 2.5,
    memory: 4000,
    memoryLimit: undefined,
    pids: 3,
    pidsLimit: 4096,
    blockRead: 101,
    blockWritten: 22,
  });
});

test('cgroup v1, beside a unified hierarchy without controllers', () => {
  const groups = [
    group(2, [], { 'cpu.stat': 'usage_usec 7\n' }),
    group(1, ['cpuacct'], { 'cpuacct.usage': '1500000000\n' }),
    group(1, ['memory'], {
      'memory.usage_in_bytes': '900\n',
      'memory.limit_in_bytes': '9223372036854771712\n',
      'memory.stat': memoryStat('total_inactive_file'),
    }),
    group(1, ['pids'], { 'pids.current': '3\n', 'pids.max': 'max\n' }),
    group(1, ['blkio'], {
      'blkio.throttle.io_service_bytes_recursive': '8:0 Read 4096\n8:0 Write 512\n8:0 Total 4608\nTotal 4608\n',
    }),
  ];
  expect(groupUsage(groups, 'app')).toEqual({
    cpuSeconds: 1.5,
    memory: 0,
    memoryLimit: undefined,
    pids: 3,
    pidsLimit: undefined,
    blockRead: 4096,
    blockWritten: 512,
  });
});

test('what the host does not count, and what has gone', () => {
  const nothing = { memory: undefined, memoryLimit: undefined, pids: undefined, pidsLimit: undefined };
  expect(groupUsage([], 'app')).toMatchObject({ ...nothing, cpuSeconds: undefined, blockRead: undefined });
  expect(groupUsage([group(2, ['memory', 'pids'], {})], 'other')).toMatchObject({ ...nothing, cpuSeconds: undefined });
});
