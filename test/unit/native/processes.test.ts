import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { native } from '../../../native/index.ts';
import { errorOf } from './error-of.ts';

let child: ChildProcess;
let pidfd: number;
beforeEach(() => {
  child = spawn('cat', { stdio: ['pipe', 'ignore', 'inherit'] });
  pidfd = native.pidfdOpen(child.pid ?? -1);
});
afterEach(async () => {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  closeSync(pidfd);
});

const descriptors = (): number => readdirSync('/proc/self/fd').length;

test('pidfdSignal reaches the process and knows when it is gone', async () => {
  expect(native.pidfdSignal(pidfd, 0)).toBe(true);
  expect(native.pidfdSignal(pidfd, 9)).toBe(true);
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  expect(native.pidfdSignal(pidfd, 0)).toBe(false);
  expect(errorOf(() => native.pidfdOpen(child.pid ?? -1))).toEqual({
    message: `opening process ${child.pid}: No such process`,
    code: 'ESRCH',
    errno: 3,
    syscall: 'pidfd_open',
  });
});

test('pidfdSignal refuses what is no signal or no pidfd', () => {
  expect(errorOf(() => native.pidfdSignal(pidfd, 999))).toMatchObject({ code: 'EINVAL', syscall: 'pidfd_send_signal' });
  expect(errorOf(() => native.pidfdSignal(987654, 0))).toMatchObject({ code: 'EBADF' });
});

describe('watchPidfd', () => {
  test('resolves when the process ends, for every watch of it', async () => {
    const watches = [native.watchPidfd(pidfd), native.watchPidfd(pidfd)];
    child.stdin?.end();
    await once(child, 'exit');
    // The watches do not keep node running, and jest has nothing else to wait for.
    const keepAlive = setInterval(() => {}, 1000);
    expect(await Promise.all(watches.map((watch) => watch.ended))).toEqual([true, true]);
    clearInterval(keepAlive);
    for (const watch of watches) watch.cancel();
  });

  test('can be cancelled, more than once', async () => {
    const watch = native.watchPidfd(pidfd);
    watch.cancel();
    watch.cancel();
    expect(await watch.ended).toBe(false);
  });

  test('can be cancelled from what waits for it', async () => {
    // The promise settles inside a callback scope of the watch, whose end runs the reactions at once.
    const watch = native.watchPidfd(pidfd);
    const keepAlive = setInterval(() => {}, 1000);
    const cancelled = watch.ended.then((ended) => [ended, watch.cancel()]);
    child.kill('SIGKILL');
    expect(await cancelled).toEqual([true, undefined]);
    clearInterval(keepAlive);
  });

  test('says what is wrong with the descriptor', () => {
    expect(errorOf(() => native.watchPidfd(987654))).toEqual({
      message: 'duplicating descriptor 987654: Bad file descriptor',
      code: 'EBADF',
      errno: 9,
      syscall: 'fcntl',
    });
    expect(errorOf(() => native.watchPidfd('x' as unknown as number))).toEqual({
      name: 'TypeError',
      message: 'watchPidfd: pidfd must be a file descriptor',
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });

  test('leaves no descriptor behind in a thousand rounds', async () => {
    const round = async (): Promise<void> => {
      const watch = native.watchPidfd(pidfd);
      watch.cancel();
      await watch.ended;
    };
    await round();
    await new Promise(setImmediate);
    const before = descriptors();
    for (let n = 0; n < 1000; n++) await round();
    // Handles are closed at the end of a turn of the loop.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(descriptors()).toBeLessThanOrEqual(before);
  });

  test('does not keep node running', () => {
    const script = `
      import { native } from ${JSON.stringify(join(import.meta.dirname, '../../../native/index.ts'))};
      native.watchPidfd(native.pidfdOpen(process.ppid)).ended.then(() => process.exit(1));`;
    const result = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
    expect(result.status).toBe(0);
  });
});

describe('execute', () => {
  test('says why it did not', () => {
    expect(errorOf(() => native.execute('/proc/self/nothing', ['nothing'], []))).toEqual({
      message: 'executing /proc/self/nothing: No such file or directory',
      code: 'ENOENT',
      errno: 2,
      syscall: 'execve',
    });
  });

  test('says which argument is wrong', () => {
    const call = native.execute as (...args: unknown[]) => unknown;
    const wrong = (...args: unknown[]): unknown => errorOf(() => call(...args));
    const typeError = (message: string): unknown => ({ name: 'TypeError', message, code: 'ERR_INVALID_ARG_TYPE' });
    expect(wrong('/none', 'args', [])).toEqual(typeError('execute: args must be an array of strings'));
    expect(wrong('/none', ['a', 'b\0'], [])).toEqual(typeError('execute: args must be a string without NUL'));
    expect(wrong('/none', [], ['A=1', 2])).toEqual(typeError('execute: environment must be a string'));
  });
});

test('getrlimit reads limits as prlimit(1) does', () => {
  const [soft, hard] = spawnSync('prlimit', [
    '--pid',
    String(process.pid),
    '--nofile',
    '-o',
    'SOFT,HARD',
    '--noheadings',
  ])
    .stdout.toString()
    .trim()
    .split(/\s+/)
    .map((text) => (text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text)));
  expect(native.getrlimit(7)).toEqual({ soft, hard });
  expect(errorOf(() => native.getrlimit(99))).toEqual({
    message: 'reading resource limit 99: Invalid argument',
    code: 'EINVAL',
    errno: 22,
    syscall: 'getrlimit',
  });
});
