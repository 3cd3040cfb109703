import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { native } from '../../../native/index.ts';

let dir: string;
let keep: NodeJS.Timeout;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-lock-'));
  // Waiting for a lock alone does not keep the loop.
  keep = setInterval(() => {}, 1000);
});
afterEach(() => {
  clearInterval(keep);
  rmSync(dir, { recursive: true });
});

const held = (): number => {
  const fd = openSync(dir, 'r');
  expect(native.flock(fd, 'exclusive', true)).toBe(true);
  return fd;
};

test('resolves when the holder lets go, for all who wait, and keeps nothing', async () => {
  const holder = held();
  const before = readdirSync('/proc/self/fd').length;
  const waiting = Array.from({ length: 20 }, () => {
    const fd = openSync(dir, 'r');
    const freed = native.lockFreed(fd);
    closeSync(fd);
    return freed;
  });
  closeSync(holder);
  await Promise.all(waiting);
  expect(readdirSync('/proc/self/fd').length).toBe(before - 1);
  closeSync(held());
});

test('resolves at once where the lock is free or shared, also for a descriptor that stays open', async () => {
  const fd = openSync(dir, 'r');
  await native.lockFreed(fd);
  closeSync(held());
  native.flock(fd, 'shared', true);
  const other = openSync(dir, 'r');
  await native.lockFreed(other);
  closeSync(other);
  closeSync(fd);
});

test('refuses what is no descriptor', () => {
  expect(() => native.lockFreed(-1)).toThrow('lockFreed: fd must be a file descriptor');
  expect(() => native.lockFreed(99_999)).toThrow('duplicating descriptor 99999: Bad file descriptor');
});
