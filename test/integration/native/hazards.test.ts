import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-native-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

/** Runs a scenario in a mount namespace of its own, so that pins of namespaces end with it. */
function run<T>(name: string, ...args: string[]): T {
  const script = join(import.meta.dirname, 'scenarios', `${name}.ts`);
  const command = ['-m', '--propagation', 'private', process.execPath, script, dir, ...args];
  const { status, signal, stdout, stderr } = spawnSync('unshare', command, { encoding: 'utf8', timeout: 60_000 });
  if (status !== 0) throw new Error(`${name} ended with ${status ?? signal}:\n${stderr}`);
  return JSON.parse(stdout) as T;
}

interface WorkerExit {
  codes: number[];
  leaked: number;
  made: number;
}

describe('a worker that ends while the addon is busy', () => {
  const tenTimes = Array.from({ length: 10 }, () => 7);

  test('createNetns: waits for its threads', () => {
    const result = run<WorkerExit>('worker-exit', 'createNetns');
    expect(result.codes).toEqual(tenTimes);
    expect(result.leaked).toBe(0);
    expect(result.made).toBe(50);
  });

  test('lockFreed: its threads outlive it, and end with the lock', () => {
    expect(run<WorkerExit>('worker-exit', 'lockFreed')).toMatchObject({ codes: tenTimes, made: 0 });
  });

  test('watchPidfd: closes its handles, settled or not', () => {
    expect(run<WorkerExit>('worker-exit', 'watchPidfd')).toEqual({ codes: tenTimes, leaked: 0, made: 0 });
  });
});

interface Netns {
  before: { namespaces: string[]; mounts: number };
  after: { namespaces: string[]; mounts: number };
  leaked: number;
  left: string[];
  errors: Record<string, unknown>;
}

test('150 network namespaces leave no descriptor, mount, file or thread in another namespace', () => {
  const result = run<Netns>('netns');
  expect(result.leaked).toBe(0);
  expect(result.left).toEqual([]);
  expect(result.before.namespaces).toHaveLength(1);
  expect(result.after).toEqual(result.before);
  expect(result.errors).toEqual({
    exists: {
      message: 'making DIR/one for a network namespace: File exists',
      code: 'EEXIST',
      errno: 17,
      syscall: 'open',
    },
    noDirectory: {
      message: 'making DIR/missing/x for a network namespace: No such file or directory',
      code: 'ENOENT',
      errno: 2,
      syscall: 'open',
    },
    noNamespace: {
      message: 'opening the network namespace DIR/absent: No such file or directory',
      code: 'ENOENT',
      errno: 2,
      syscall: 'open',
    },
    notNamespace: {
      message: 'entering the network namespace /proc/self/maps: Invalid argument',
      code: 'EINVAL',
      errno: 22,
      syscall: 'setns',
    },
  });
});

test('90 user namespaces leave no descriptor, mount, file or process; neither do those that fail', () => {
  expect(run('userns')).toEqual({
    inside: '0 1000000 1000',
    leaked: 0,
    mounts: 0,
    children: '',
    left: [],
    errors: {
      network: 'making DIR/net for a namespace: File exists',
      directory: 'making DIR/missing/x for a namespace: No such file or directory',
      ids: 'mapping the ids 4294967295 to 0 into a user namespace: Invalid argument',
    },
  });
});
