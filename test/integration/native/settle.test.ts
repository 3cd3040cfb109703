import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

const program = join(import.meta.dirname, '..', '..', '..', 'native', 'build', 'Release', 'rkt-settle');

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-settle-test-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function tree(name: string, marker: string): void {
  mkdirSync(join(dir, name));
  writeFileSync(join(dir, name, marker), 'text');
}

const settle = (...args: string[]): number | null => spawnSync(program, args).status;
const markers = (): Record<string, string[]> =>
  Object.fromEntries(readdirSync(dir).map((name) => [name, readdirSync(join(dir, name))]));

test('the markers of the named trees get their other name, and no others', () => {
  for (const name of ['a', 'b', 'c']) tree(name, 'from');
  tree('other-boot', 'before');
  tree('settled', 'to');
  expect(settle(dir, 'from', 'to', 'a', 'b', 'gone', 'other-boot', 'settled')).toBe(0);
  expect(markers()).toEqual({ a: ['to'], b: ['to'], c: ['from'], 'other-boot': ['before'], settled: ['to'] });
});

test('nothing to do is no failure; a missing directory or argument is one', () => {
  expect(settle(dir, 'from', 'to', 'a')).toBe(0);
  expect(settle(join(dir, 'gone'), 'from', 'to', 'a')).toBe(1);
  expect(settle(dir, 'from', 'to')).toBe(1);
});

/** A file system on a disk that promises more than it has, and trees in it that the kernel has taken and the disk will refuse. */
const onFullDisk = `
  mount -t tmpfs -o size=8m none "$1" && cd "$1" && mkdir mounted && truncate -s 64M disk
  mkfs.ext4 -q -O ^has_journal disk && mount -o loop disk mounted
  mkdir mounted/a mounted/b && echo text > mounted/a/from && echo text > mounted/b/before
  head -c 20M /dev/urandom > mounted/a/file
  "$2" mounted from to a b
  echo "code $?"
  cd mounted && find a b | sort
`;

test('of a tree that the disk refuses the marker goes, so that nobody takes it for whole', () => {
  const run = ['--mount', '--propagation', 'private', 'sh', '-c', onFullDisk, 'sh', dir, program];
  const { stdout, stderr } = spawnSync('unshare', run, { encoding: 'utf8' });
  expect([stdout, stderr]).toEqual(['code 1\na\na/file\nb\nb/before\n', '']);
});
