import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { native } from '../../../native/index.ts';
import { errorOf } from './error-of.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-native-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('flock', () => {
  test('excludes another open of the file until it is released', () => {
    writeFileSync(join(dir, 'lock'), '');
    const one = openSync(join(dir, 'lock'), 'r');
    const two = openSync(join(dir, 'lock'), 'r');
    expect(native.flock(one, 'exclusive', true)).toBe(true);
    expect(native.flock(two, 'shared', true)).toBe(false);
    expect(native.flock(one, 'shared', true)).toBe(true);
    expect(native.flock(two, 'shared', true)).toBe(true);
    expect(native.flock(two, 'exclusive', true)).toBe(false);
    expect(native.flock(one, 'unlock', false)).toBe(true);
    expect(native.flock(two, 'exclusive', false)).toBe(true);
    closeSync(one);
    closeSync(two);
  });

  test('names a descriptor that is not open', () => {
    expect(errorOf(() => native.flock(987654, 'shared', true))).toEqual({
      message: 'locking descriptor 987654: Bad file descriptor',
      code: 'EBADF',
      errno: 9,
      syscall: 'flock',
    });
  });

  test('says which argument is wrong', () => {
    const call = native.flock as (...args: unknown[]) => unknown;
    const wrong = (...args: unknown[]): unknown => errorOf(() => call(...args));
    const typeError = (message: string): unknown => ({ name: 'TypeError', message, code: 'ERR_INVALID_ARG_TYPE' });
    expect(wrong()).toEqual(typeError('flock: fd must be a file descriptor'));
    expect(wrong('1', 'shared', true)).toEqual(typeError('flock: fd must be a file descriptor'));
    expect(wrong(1.5, 'shared', true)).toEqual(typeError('flock: fd must be a file descriptor'));
    expect(wrong(-1, 'shared', true)).toEqual(typeError('flock: fd must be a file descriptor'));
    expect(wrong(2 ** 31, 'shared', true)).toEqual(typeError('flock: fd must be a file descriptor'));
    expect(wrong(1, 2, true)).toEqual(typeError('flock: operation must be a string'));
    expect(wrong(1, 'both', true)).toEqual(typeError("flock: operation must be 'shared', 'exclusive' or 'unlock'"));
    expect(wrong(1, 'shared\0', true)).toEqual(typeError('flock: operation must be a string without NUL'));
    expect(wrong(1, 'shared', 1)).toEqual(typeError('flock: nonblocking must be a boolean'));
  });
});

describe('spreadDirectories', () => {
  test('leaves alone what is on a file system that does not want to know', () => {
    expect(native.spreadDirectories('/proc/self/fd')).toBe(false);
  });

  test('names a directory that is not there', () => {
    expect(errorOf(() => native.spreadDirectories(join(dir, 'none')))).toEqual({
      message: `opening ${join(dir, 'none')}: No such file or directory`,
      code: 'ENOENT',
      errno: 2,
      syscall: 'open',
    });
  });
});

test('setCloexec sets and clears the flag', () => {
  const fd = openSync(dir, 'r');
  const flags = (): number =>
    Number.parseInt(/flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '', 8);
  const cloexec = 0o2000000;
  native.setCloexec(fd, false);
  expect(flags() & cloexec).toBe(0);
  native.setCloexec(fd, true);
  expect(flags() & cloexec).toBe(cloexec);
  closeSync(fd);
  expect(errorOf(() => native.setCloexec(fd, true))).toMatchObject({ code: 'EBADF', syscall: 'fcntl' });
});

test('syncfs accepts any descriptor of a file system', () => {
  const fd = openSync(dir, 'r');
  expect(native.syncfs(fd)).toBeUndefined();
  closeSync(fd);
  expect(errorOf(() => native.syncfs(fd))).toMatchObject({ code: 'EBADF', errno: 9, syscall: 'syncfs' });
});

test('renameNoReplace does not replace', () => {
  const [from, to] = [join(dir, 'from'), join(dir, 'to')];
  writeFileSync(from, 'new');
  writeFileSync(to, 'old');
  expect(errorOf(() => native.renameNoReplace(from, to))).toEqual({
    message: `renaming ${from} to ${to}: File exists`,
    code: 'EEXIST',
    errno: 17,
    syscall: 'renameat2',
  });
  expect(readFileSync(to, 'utf8')).toBe('old');
  rmSync(to);
  native.renameNoReplace(from, to);
  expect(readdirSync(dir)).toEqual(['to']);
  expect(readFileSync(to, 'utf8')).toBe('new');
});

describe('mounts', () => {
  test('openTreeReadonly gives a descriptor through which nothing can be written', () => {
    const path = join(dir, 'program');
    writeFileSync(path, 'content', { mode: 0o755 });
    const fd = native.openTreeReadonly(path);
    const viaFd = `/proc/self/fd/${fd}`;
    expect(readFileSync(viaFd, 'utf8')).toBe('content');
    expect(errorOf(() => openSync(viaFd, 'r+'))).toMatchObject({ code: 'EROFS' });
    closeSync(fd);
    closeSync(openSync(path, 'r+'));
  });

  test('openTreeReadonly names what is missing', () => {
    expect(errorOf(() => native.openTreeReadonly(join(dir, 'absent')))).toEqual({
      message: `cloning the mount of ${join(dir, 'absent')}: No such file or directory`,
      code: 'ENOENT',
      errno: 2,
      syscall: 'open_tree',
    });
  });

  test('unmount is false where nothing is mounted', () => {
    expect(native.unmount(dir)).toBe(false);
    expect(native.unmount(join(dir, 'absent'))).toBe(false);
    expect(errorOf(() => native.unmount(`/${'x'.repeat(5000)}`))).toMatchObject({
      code: 'ENAMETOOLONG',
      syscall: 'umount2',
    });
  });
});
