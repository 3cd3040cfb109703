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
