import { execFileSync } from 'node:child_process';
import { chownSync, closeSync, mkdirSync, openSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { native } from '../../../native/index.ts';
import type { LaunchPlan, PlanApp } from '../../../runtime/stage1/plan.ts';
import { gone, TestPod } from './harness.ts';

const shift = 1_000_000;
const map = `0 ${shift} 65536`;
let pod: TestPod;
let path: string;

beforeEach(async () => {
  pod = new TestPod();
  path = join(pod.dir, 'userns');
  await native.createUserNamespace(path, shift, 65536, '');
});
afterEach(async () => {
  native.removeNetns(path);
  expect(await pod.finish()).toEqual([]);
});

const plan = (...apps: PlanApp[]): LaunchPlan =>
  pod.plan(apps, { userNamespace: { path, shift, range: 65536 }, teardown: [{ kind: 'umount', path }] });

/** Runs a script in a pod with one app; its output without doubled spaces. */
async function script(text: string, app: Partial<PlanApp> = {}): Promise<string> {
  const { stdout, stderr } = await pod.start(plan(pod.app({ ...app, script: text }))).ended;
  expect(stderr).toBe('');
  return stdout.replace(/ +/g, ' ').replace(/^ /gm, '');
}

/** A further image with one file. */
function layer(name: string, file: string, text: string): string {
  const dir = pod.directory(name);
  mkdirSync(join(dir, 'etc'), { recursive: true });
  writeFileSync(join(dir, 'etc', file), text);
  return dir;
}

describe('the ids of the layers are shifted', () => {
  test('of several, under one another', async () => {
    const lowers = [layer('a', 'one', '1'), layer('b', 'two', '2'), pod.image];
    const upper = pod.upper();
    chownSync(upper.dir, shift, shift);
    const root = { lowers, upper };
    expect(await script('stat -c "%u %g" / /etc /etc/one /etc/two /bin/busybox; cat /etc/one /etc/two', { root })).toBe(
      '0 0\n0 0\n0 0\n0 0\n0 0\n12',
    );
  });

  test('of one that is read-only', async () => {
    for (const name of ['proc', 'sys', 'dev']) mkdirSync(join(pod.image, name));
    const text = 'stat -c "%u %g" / /bin; touch /x 2>/dev/null || echo refused';
    expect(await script(text, { root: { lowers: [pod.image] } })).toBe('0 0\n0 0\nrefused\n');
  });

  test('of one that is used in place', async () => {
    const root = { lowers: [pod.image], inPlace: true };
    expect(await script('touch /x && stat -c "%u %g" / /bin /x', { root })).toBe('0 0\n0 0\n0 0\n');
  });
});

describe('every process of an app is in the namespace', () => {
  test('handlers before and after it', async () => {
    const handler = (name: string): string[] => ['/bin/sh', '-c', `echo ${name}; cat /proc/self/uid_map`];
    const output = await script('echo app', { preStart: handler('before'), postStop: handler('after') });
    expect(output).toBe(`before\n${map}\napp\nafter\n${map}\n`);
  });

  test('one that is started again', async () => {
    const output = await script('cat /proc/self/uid_map; stat -c %u /bin; exit 1', {
      restart: { policy: 'on-failure', limit: 1 },
    });
    expect(output).toBe(`${map}\n0\n${map}\n0\n`);
  });

  test('one of an ordinary user, with its groups and without capabilities', async () => {
    const text = 'id -u; id -g; id -G; grep CapEff /proc/self/status';
    const output = await script(text, { uid: 1000, gid: 1001, supplementaryGids: [5, 6] });
    expect(output).toBe('1000\n1001\n1001 5 6\nCapEff:\t0000000000000000\n');
  });

  test('and what enters it', async () => {
    const running = pod.start(plan(pod.app({ script: 'echo ready; read line' })), {
      stdio: ['pipe', 'pipe', 'pipe', pod.lockFd],
    });
    await running.line('ready');
    const pid = pod.file('pid');
    const command = ['/bin/sh', '-c', 'cat /proc/self/uid_map; id -u; grep CapBnd /proc/self/status'];
    const { stdout, code } = await pod.entrypoint('enter', [`--pid=${pid}`, '--appname=app', '--', ...command]).ended;
    expect(code).toBe(0);
    expect(stdout.trim().replace(/ +/g, ' ')).toBe(`${map}\n0\nCapBnd:\t00000000a80425fb`);
    running.child.stdin?.end();
    await running.ended;
  });
});

describe('of the standard streams', () => {
  test('a FIFO with a name stays the host’s', async () => {
    const fifo = join(pod.dir, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const stream = openSync(fifo, 'r+');
    const text = 'stat -L -c %u /dev/stdin';
    const { stdout } = await pod.start(plan(pod.app({ script: text, uid: 1000, gid: 1000 })), {
      stdio: [stream, 'pipe', 'pipe', pod.lockFd],
    }).ended;
    closeSync(stream);
    expect([stdout, statSync(fifo).uid]).toEqual(['65534\n', 0]);
  });
});

describe('init', () => {
  test('stays outside, out of reach of the apps', async () => {
    expect(await script('kill -KILL 1 2>/dev/null || echo refused; stat -c %u /proc/1')).toBe('refused\n65534\n');
  });
});

describe('a monitor that is killed', () => {
  test('takes the pod with it', async () => {
    const running = pod.start(plan(pod.app({ script: 'echo ready; exec sleep 1000' })));
    await running.line('ready');
    running.child.kill('SIGKILL');
    await running.ended;
    await gone(pod.uuid);
    expect((await pod.entrypoint('gc', ['--debug=false', pod.uuid]).ended).code).toBe(0);
  });
});

describe('a plan whose namespace is gone', () => {
  test('does not start', async () => {
    native.removeNetns(path);
    const { code, stderr } = await pod.start(plan(pod.app())).ended;
    expect(code).toBe(254);
    expect(stderr).toBe(`rkt: app "app": opening the user namespace ${path}: No such file or directory\n`);
  });
});
