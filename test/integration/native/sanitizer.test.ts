import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const sources = join(import.meta.dirname, '../../../native/src');

/** The parts that know no node: everything but the bindings and the image store's archive code. */
const plain = [
  'file',
  'netlink-socket',
  'netns-create',
  'netns-socket',
  'open-tree',
  'pidfd',
  'thread',
  'unix-socket',
  'unmount',
];

test('the plain C part of the addon runs clean under the address and undefined-behaviour sanitizers', () => {
  const dir = mkdtempSync(join(tmpdir(), 'rkt-sanitizer-'));
  try {
    const program = join(dir, 'driver');
    const common = readdirSync(join(sources, 'common')).filter((name) => name.endsWith('.c'));
    const files = [...plain.map((name) => join('addon', `${name}.c`)), ...common.map((name) => join('common', name))];
    const flags = [
      '-std=gnu17',
      '-g',
      '-D_GNU_SOURCE',
      '-fsanitize=address,undefined',
      '-fno-sanitize-recover=all',
      '-pthread',
    ];
    const driver = join(import.meta.dirname, 'scenarios', 'sanitizer-driver.c');
    const compiled = spawnSync('gcc', [...flags, '-I.', '-o', program, driver, ...files], {
      cwd: sources,
      encoding: 'utf8',
    });
    expect(compiled.stderr).toBe('');
    const ran = spawnSync('unshare', ['-m', '--propagation', 'private', program, dir], { encoding: 'utf8' });
    expect({ status: ran.status, stderr: ran.stderr }).toEqual({ status: 0, stderr: '' });
  } finally {
    rmSync(dir, { recursive: true });
  }
});
