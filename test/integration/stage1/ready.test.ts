/** When a pod is ready, who is told, and what an app can say about it. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { LaunchPlan, PlanApp } from '../../../runtime/stage1/plan.ts';
import { makeNotifyTool } from '../../support/notify-tool.ts';
import { type RunningPod, TestPod } from './harness.ts';

let pod: TestPod;
beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

const env = { PATH: '/bin', NOTIFY_SOCKET: '/dev/rkt-notify' };
const isReady = (): boolean => existsSync(join(pod.pod, 'ready'));

/** Starts a pod with READY_FD; `byte` resolves to what came from it until its end. */
function start(apps: readonly PlanApp[], options: Partial<LaunchPlan> = {}): RunningPod & { ready: Promise<string> } {
  const run = pod.start(pod.plan(apps, { readyFd: 4, ...options }), {
    stdio: ['pipe', 'pipe', 'pipe', pod.lockFd, 'pipe'],
  });
  const ready = new Promise<string>((resolve) => {
    let text = '';
    const stream = run.child.stdio[4] as Readable;
    stream.on('data', (data: Buffer) => {
      text += data.toString('hex');
    });
    stream.on('end', () => resolve(text));
  });
  return { ...run, ready };
}

const hold = 'read line; exit 0';

/** Since then the kernel tells whose process that was; the group that it was in is one of the unified hierarchy. */
const [major = 0, minor = 0] = release().split('.').map(Number);
const sinceLinux616 =
  (major > 6 || (major === 6 && minor >= 16)) && existsSync('/sys/fs/cgroup/unified') ? test : test.skip;

describe('without notifications a pod is ready', () => {
  test('when every app has been executed', async () => {
    const run = start(['a', 'b'].map((name) => pod.app({ name, script: hold })));
    expect(await run.ready).toBe('00');
    expect([isReady(), run.child.exitCode]).toEqual([true, null]);
    run.child.stdin?.end();
    expect((await run.ended).code).toBe(0);
  });

  test('also if an app ended at once, whatever its code', async () => {
    const run = start([pod.app({ script: 'exit 3' })]);
    expect([await run.ready, (await run.ended).code, isReady()]).toEqual(['00', 3, true]);
  });

  test('but not when an app cannot be started', async () => {
    const run = start([pod.app({ name: 'good', script: hold }), pod.app({ name: 'bad', args: ['/nope'] })]);
    expect([await run.ready, (await run.ended).code, isReady()]).toEqual(['', 254, false]);
  });

  test('and does not get into the way of a caller who has gone', async () => {
    const run = start([pod.app({ preStart: ['/bin/sh', '-c', 'read line'], script: 'echo on; exit 6' })]);
    (run.child.stdio[4] as Readable).destroy();
    run.child.stdin?.end('go\n');
    expect(await run.ended).toEqual({ code: 6, stdout: 'on\n', stderr: '' });
  });
});

describe('with notifications', () => {
  beforeEach(() => makeNotifyTool(pod.image));
  const app = (script: string, options: Partial<PlanApp> = {}): PlanApp =>
    pod.app({ script, env, notify: true, ...options });

  test('a pod is ready when the app says so, and not before', async () => {
    const run = start([app('read line; notify -b READY=1 || exit 9; echo said; read line; exit 0')]);
    await pod.appPid('app');
    expect(isReady()).toBe(false);
    run.child.stdin?.write('go\n');
    expect(await run.ready).toBe('00');
    expect(isReady()).toBe(true);
    run.child.stdin?.end('end\n');
    expect(await run.ended).toEqual({ code: 0, stdout: 'said\n', stderr: '' });
  });

  test('READY=1 counts among other lines, from any process and user of the app', async () => {
    const run = start([
      app(`(notify -b "STATUS=warm" "MAINPID=2\\nREADY=1\\nSTATUS=up"); ${hold}`, { uid: 1000, gid: 1000 }),
    ]);
    expect(await run.ready).toBe('00');
    run.child.stdin?.end();
    expect((await run.ended).code).toBe(0);
  });

  test.each([
    [
      'other words',
      ['READY=0', 'READY=11', 'XREADY=1', 'READY = 1', 'READY=1 ', 'ready=1', 'RELOADING=1', '=', '\\n\\n'],
    ],
    ['nothing', ['']],
    ['too long a message', [`READY=1\\n${'x'.repeat(5000)}`]],
  ])('%s: no readiness', async (_, messages) => {
    const words = messages.map((text) => `'${text}'`).join(' ');
    const run = start([app(`notify -b ${words} && echo said; ${hold}`)]);
    await run.line('said');
    expect(isReady()).toBe(false);
    run.child.stdin?.end();
    const { code, stderr } = await run.ended;
    expect([await run.ready, code, stderr]).toEqual(['', 254, 'rkt: app "app" has ended before it was ready\n']);
  });

  test('all of several apps are waited for, each on its own socket', async () => {
    const script = (name: string): string => `read line; notify -b READY=1; echo ${name} said`;
    const run = start([app(script('a'), { name: 'a' }), app(script('b'), { name: 'b' }), pod.app({ name: 'c' })]);
    run.child.stdin?.write('go\n');
    await Promise.race([run.line('a said'), run.line('b said')]);
    expect(isReady()).toBe(false);
    run.child.stdin?.end('go\n');
    expect([await run.ready, (await run.ended).code]).toEqual(['00', 0]);
  });

  test('what another app of the pod says does not count', async () => {
    // Both are root, so /proc leads the one to the socket of the other.
    const sockets = '/proc/[0-9]*/root/dev/rkt-notify';
    const script = `until ls ${sockets} >/dev/null 2>&1; do sleep 0.01; done
      for socket in ${sockets}; do notify -b -s $socket READY=1 && echo sent; done; exit 0`;
    const run = start([app('read line; exit 0', { name: 'victim' }), pod.app({ name: 'liar', script })]);
    await run.line('sent');
    expect(isReady()).toBe(false);
    run.child.stdin?.end('end\n');
    expect([await run.ready, (await run.ended).code]).toEqual(['', 254]);
  });

  test('an app that goes on talking is read, and ends well', async () => {
    const run = start([
      app(`notify -b READY=1; i=0; while [ $i -lt 200 ]; do notify STATUS=$i || exit 9; i=$((i+1)); done; exit 0`),
    ]);
    expect([await run.ready, (await run.ended).code]).toEqual(['00', 0]);
  });

  test('an app that is started again may say it then', async () => {
    const script = `n=$(cat /n 2>/dev/null || echo 0); n=$((n+1)); echo $n > /n; [ $n -ge 2 ] || exit 1
      notify -b READY=1; ${hold}`;
    const run = start([app(script, { restart: { policy: 'on-failure' } })]);
    expect(await run.ready).toBe('00');
    run.child.stdin?.end();
    expect((await run.ended).code).toBe(0);
  });

  test('an app that ends before it said anything ends a pod that somebody waits for', async () => {
    const run = start([app('exit 0', { name: 'mute' }), pod.app({ name: 'other', script: 'exec sleep 1000' })]);
    const { code, stderr } = await run.ended;
    expect([await run.ready, code]).toEqual(['', 254]);
    expect(stderr).toBe('rkt: app "mute" has ended before it was ready\n');
  });

  test('but not one that nobody waits for', async () => {
    expect(await pod.run(app('exit 0'))).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(isReady()).toBe(false);
  });

  describe('of a process that has ended when its message is read', () => {
    const next = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const hasEnded = (pid: string): boolean => /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

    /** What is sent while the monitor stands still, it reads after that. */
    async function whileStopped(apps: readonly PlanApp[], over: (run: RunningPod) => Promise<void>) {
      const run = start(apps);
      for (const { name } of apps) await pod.appPid(name);
      run.child.kill('SIGSTOP');
      run.child.stdin?.write('go\n');
      await over(run);
      run.child.kill('SIGCONT');
      return run;
    }

    sinceLinux616('it counts', async () => {
      const script = `read line; notify READY=1; echo over; ${hold}`;
      const run = await whileStopped([app(script)], ({ line }) => line('over'));
      expect(await run.ready).toBe('00');
      run.child.stdin?.end();
      expect((await run.ended).code).toBe(0);
    });

    sinceLinux616('it counts though the app has ended with it, and the pod', async () => {
      const run = await whileStopped([app('read line; exec notify READY=1')], async () => {
        const init = pod.file('pid');
        while (!hasEnded(init)) await next();
      });
      expect([await run.ready, (await run.ended).code]).toEqual(['00', 0]);
    });

    test('it does not count where it was another app’s', async () => {
      const script = `read line; for socket in /proc/[0-9]*/root/dev/rkt-notify; do notify -s $socket READY=1; done
        echo over; ${hold}`;
      const apps = [app('exec sleep 1000', { name: 'victim' }), pod.app({ name: 'liar', script })];
      const run = await whileStopped(apps, ({ line }) => line('over'));
      run.child.kill('SIGTERM');
      const { stderr } = await run.ended;
      expect([await run.ready, stderr]).toEqual(['', 'rkt: app "victim" has ended before it was ready\n']);
    });
  });

  test('the socket is the app’s alone, and no descriptor of it stays', async () => {
    const script = 'notify -b READY=1; ls /proc/self/fd | wc -l; ls -l /dev/rkt-notify | cut -c 1-10';
    const outcome = await pod.run([app(script)]);
    expect(outcome.stdout).toBe('4\nsrwxrwxrwx\n');
  });

  test('what it passes on does not keep the monitor from its work, however long that takes to close', async () => {
    const run = pod.start(pod.plan([app('exec notify -w')]));
    await run.line('passed');
    run.child.kill('SIGTERM');
    expect((await run.ended).code).toBe(143);
  });

  test('a caller that keeps its end while nobody waits any more costs nothing', async () => {
    const fifo = join(pod.dir, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(fifo, 'w');
    const run = pod.start(pod.plan([app(`echo begins; ${hold}`)], { readyFd: 4 }), {
      stdio: ['pipe', 'pipe', 'pipe', pod.lockFd, writer],
    });
    await run.line('begins');
    closeSync(reader);
    const of = `/proc/${run.child.pid}`;
    while (existsSync(`${of}/fd/4`)) await new Promise((resolve) => setImmediate(resolve));
    // A descriptor that is still waited for, though it was closed, would tell the same over and over again.
    const waits = readdirSync(`${of}/fdinfo`).map((fd) => readFileSync(`${of}/fdinfo/${fd}`, 'utf8'));
    expect(waits.join('')).not.toMatch(/^tfd: +4 /m);
    closeSync(writer);
    run.child.stdin?.end();
    await run.ended;
  });

  test('works where the root filesystem is read-only', async () => {
    for (const name of ['dev', 'proc', 'sys']) mkdirSync(join(pod.image, name));
    const run = start([app(`notify -b READY=1; ${hold}`, { root: { lowers: [pod.image] } })]);
    expect(await run.ready).toBe('00');
    run.child.stdin?.end();
    expect((await run.ended).code).toBe(0);
  });
});

describe('a service manager that waits for rkt is told by NOTIFY_SOCKET', () => {
  test.each([
    ['a path', () => join(pod.dir, 'listener')],
    ['an abstract name', () => `@rkt-test-${pod.uuid}`],
  ])('%s', async (_, name) => {
    makeNotifyTool(pod.image);
    const listener = spawn(join(pod.image, 'bin', 'notify'), ['-l', name()], { stdio: ['ignore', 'pipe', 'inherit'] });
    let heard = '';
    const ended = once(listener, 'close');
    await new Promise<void>((resolve) =>
      listener.stdout.on('data', (data: Buffer) => {
        heard += data;
        if (heard.startsWith('listening\n')) resolve();
      }),
    );
    const run = pod.start(pod.plan([pod.app({ script: 'env; read line' })]), {
      stdio: ['pipe', 'pipe', 'pipe', pod.lockFd],
      env: { NOTIFY_SOCKET: name() },
    });
    await ended;
    expect(heard).toBe(`listening\nREADY=1\nMAINPID=${run.child.pid}\n`);
    run.child.stdin?.end('go\n');
    const { code, stdout } = await run.ended;
    // It is no concern of the app's.
    expect([code, stdout]).toEqual([0, expect.not.stringContaining('NOTIFY_SOCKET')]);
  });

  test('one that has gone is mentioned, and the pod runs', async () => {
    const run = pod.start(pod.plan([pod.app({ script: 'exit 4' })]), { env: { NOTIFY_SOCKET: '/nope' } });
    expect(await run.ended).toEqual({
      code: 4,
      stdout: '',
      stderr: 'rkt: notifying /nope: No such file or directory\n',
    });
  });
});
