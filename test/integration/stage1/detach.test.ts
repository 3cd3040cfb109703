/** Pods in the background, and what follows the end of a pod. */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { LaunchPlan, PlanApp } from '../../../runtime/stage1/plan.ts';
import { makeNotifyTool } from '../../support/notify-tool.ts';
import { gone, type Outcome, processesOf, type RunningPod, TestPod } from './harness.ts';

let pod: TestPod;
beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

const idle = 'trap "exit 0" TERM; while :; do sleep 0.05; done';

const detached = (apps: readonly PlanApp[], options: Partial<LaunchPlan> = {}): RunningPod =>
  pod.start(pod.plan(apps, { detached: true, ...options }));

const lockIsFree = (): boolean => spawnSync('flock', ['-n', '-x', pod.pod, 'true']).status === 0;

/** Waits until the pod has ended: whoever waits for its lock gets it then. */
async function ended(): Promise<void> {
  const lock = spawn('flock', ['-s', pod.pod, 'true'], { stdio: 'ignore' });
  await new Promise((resolve) => lock.once('exit', resolve));
}

async function stop(...options: string[]): Promise<Outcome> {
  const outcome = await pod.entrypoint('stop', [...options, pod.uuid]).ended;
  await ended();
  return outcome;
}

/** Host PID of the monitor: the parent of the pod's init. */
const monitorPid = (): number =>
  Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pod.file('pid')}/status`, 'utf8'))?.[1]);

describe('a pod in the background', () => {
  test('its UUID is printed when it runs, and it outlives the caller', async () => {
    expect(await detached([pod.app({ script: idle })]).ended).toEqual({ code: 0, stdout: `${pod.uuid}\n`, stderr: '' });
    expect([lockIsFree(), existsSync(join(pod.pod, 'ready'))]).toEqual([false, true]);
    expect((await stop()).code).toBe(0);
    expect([lockIsFree(), pod.file('status/app')]).toEqual([true, '0']);
    expect(processesOf(pod.uuid)).toEqual([]);
  });

  test('has a session of its own, nothing of the caller’s open, and the pod’s directory as its own', async () => {
    await detached([pod.app({ script: idle })]).ended;
    const pid = monitorPid();
    const streams = [0, 1, 2].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    expect(streams).toEqual(['/dev/null', '/dev/null', '/dev/null']);
    expect(readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ').slice(4, 7)).toEqual([`${pid}`, `${pid}`, '0']);
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe(pod.pod);
    await stop();
  });

  test('an app reads nothing', async () => {
    const script = 'read line || echo end > /got; exit 0';
    const upper = pod.upper();
    await detached([pod.app({ script, root: { lowers: [pod.image], upper } })]).ended;
    await ended();
    expect(readFileSync(join(upper.dir, 'got'), 'utf8')).toBe('end\n');
  });

  test('that ends at once has run all the same', async () => {
    const run = detached([pod.app({ script: 'exit 3' })]);
    expect(await run.ended).toEqual({ code: 0, stdout: `${pod.uuid}\n`, stderr: '' });
    await ended();
    expect(pod.file('status/app')).toBe('3');
  });

  test('that is not ready in time is stopped, and nothing is left', async () => {
    const mute = pod.app({ name: 'mute', script: idle, notify: true });
    const run = detached([mute, pod.app({ name: 'other', script: idle })], { readyTimeoutMs: 250 });
    expect(await run.ended).toEqual({
      code: 254,
      stdout: '',
      stderr: `rkt: pod ${pod.uuid} was not ready within 0.25 s and is stopped\nrkt: app "mute" has ended before it was ready\n`,
    });
    expect([lockIsFree(), pod.file('status/mute'), processesOf(pod.uuid)]).toEqual([true, '0', []]);
  });

  test('that was ready in time is left alone', async () => {
    const run = detached([pod.app({ script: idle })], { readyTimeoutMs: 60_000 });
    expect(await run.ended).toEqual({ code: 0, stdout: `${pod.uuid}\n`, stderr: '' });
    await stop();
  });

  test('that cannot start is told as in the foreground, and nothing is left', async () => {
    const marker = join(pod.dir, 'teardown');
    writeFileSync(marker, '');
    const run = detached([pod.app({ name: 'good', script: idle }), pod.app({ name: 'bad', args: ['/nope'] })], {
      teardown: [{ kind: 'unlink', path: marker }],
    });
    const stderr = 'rkt: app "bad": executing "/nope": No such file or directory\n';
    expect(await run.ended).toEqual({ code: 254, stdout: '', stderr });
    expect([existsSync(marker), lockIsFree(), processesOf(pod.uuid)]).toEqual([false, true, []]);
  });

  test('READY_FD has its byte as well', async () => {
    const run = pod.start(pod.plan([pod.app({ script: idle })], { detached: true, readyFd: 4 }), {
      stdio: ['ignore', 'pipe', 'pipe', pod.lockFd, 'pipe'],
    });
    let bytes = 0;
    run.child.stdio[4]?.on('data', (data: Buffer) => {
      bytes += data.length;
    });
    expect((await run.ended).code).toBe(0);
    expect(bytes).toBe(1);
    await stop();
  });

  test('kill -9 of the monitor ends it, and gc leaves nothing', async () => {
    await detached([pod.app({ script: '(trap "" TERM; setsid sleep 1000 &); sleep 1000' })]).ended;
    process.kill(monitorPid(), 'SIGKILL');
    await ended();
    expect((await pod.entrypoint('gc', [pod.uuid]).ended).code).toBe(0);
    await gone(pod.uuid);
  });

  test('is killed by stop --force, also with an app that was started again', async () => {
    const script = `[ -e /first ] || { touch /first; exit 1; }; trap "" TERM; notify READY=1; sleep 1000`;
    makeNotifyTool(pod.image);
    const env = { PATH: '/bin', NOTIFY_SOCKET: '/dev/rkt-notify' };
    await detached([
      pod.app({ script: script.replace('notify', 'notify -b'), env, notify: true, restart: { policy: 'on-failure' } }),
    ]).ended;
    expect((await stop('--force')).code).toBe(0);
    expect([pod.file('status/app'), pod.file('appsinfo/app/restarts')]).toEqual(['137', '1']);
  });
});

describe('while the caller waits', () => {
  beforeEach(() => makeNotifyTool(pod.image));
  const env = { PATH: '/bin', NOTIFY_SOCKET: '/dev/rkt-notify' };
  const mute = (): PlanApp =>
    pod.app({ script: 'trap "exit 5" TERM INT; echo; while :; do sleep 0.05; done', env, notify: true });

  test('for a readiness that never comes, the monitor alone has the lock', async () => {
    const run = detached([mute()]);
    await pod.appPid('app');
    expect(run.child.exitCode).toBe(null);
    run.child.kill('SIGKILL');
    // All ends of its streams are closed: the monitor kept its stderr for as long as there was somebody to read it.
    await run.ended;
    expect(lockIsFree()).toBe(false);
    await stop();
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('%s ends the pod, whose code is the caller’s', async (signal) => {
    const run = detached([mute()]);
    await pod.appPid('app');
    // The trap is set a moment after the app was executed.
    while (!/SigCgt:.*[^0]/.test(readFileSync(`/proc/${pod.file('appsinfo/app/pid')}/status`, 'utf8')))
      await new Promise((resolve) => setImmediate(resolve));
    run.child.kill(signal);
    const { code, stdout } = await run.ended;
    expect([[5, signal === 'SIGTERM' ? 143 : 130].includes(code ?? 0), stdout]).toEqual([true, '']);
    expect(lockIsFree()).toBe(true);
  });

  test('a stop from elsewhere is an end before readiness', async () => {
    const run = detached([
      pod.app({
        script: 'trap "exit 0" TERM; notify -b STATUS=up; touch /up; while :; do sleep 0.05; done',
        env,
        notify: true,
      }),
    ]);
    await pod.appPid('app');
    const running = await pod.entrypoint('stop', [pod.uuid]).ended;
    expect(running.code).toBe(0);
    const { code, stdout, stderr } = await run.ended;
    expect(stdout).toBe('');
    expect([code === 254 || code === 143, stderr]).toEqual([true, expect.stringContaining('before it was ready\n')]);
  });

  test('kill -9 of the monitor is told', async () => {
    const run = detached([mute()]);
    await pod.appPid('app');
    process.kill(monitorPid(), 'SIGKILL');
    expect([(await run.ended).code, lockIsFree()]).toEqual([137, true]);
    expect((await pod.entrypoint('gc', [pod.uuid]).ended).code).toBe(0);
  });
});

describe('the epilogue', () => {
  const script = (text: string): string[] => ['/bin/sh', '-c', text];

  test.each([true, false])('runs when everything is undone and the lock is free: background %s', async (background) => {
    const result = join(pod.dir, 'result');
    const marker = join(pod.dir, 'teardown');
    writeFileSync(marker, '');
    const epilogue = script(`
      { flock -n -x ${pod.pod} echo free; pwd; cat ${pod.pod}/status/app; echo; ls ${marker} /proc/self/fd; env; } > ${result}.new 2>&1
      mv ${result}.new ${result}; exit 9`);
    const plan = pod.plan([pod.app({ script: 'exit 4' })], {
      epilogue,
      detached: background,
      teardown: [{ kind: 'unlink', path: marker }],
    });
    const { code } = await pod.start(plan, { env: { NOTIFY_SOCKET: '', KEPT: 'yes' } }).ended;
    expect(code).toBe(background ? 0 : 4);
    while (!existsSync(result)) await new Promise((resolve) => setImmediate(resolve));
    const lines = readFileSync(result, 'utf8').split('\n');
    expect(lines.slice(0, 3)).toEqual(['free', '/', '4']);
    expect(lines[3]).toContain('No such file or directory');
    expect(lines.slice(4, 8)).toEqual(['/proc/self/fd:', '0', '1', '2']);
    expect(lines).toContain('KEPT=yes');
    expect(lines.some((line) => /^(NOTIFY_SOCKET|RKT_LOCK_FD)=/.test(line))).toBe(false);
  });

  test('runs when a pod could not be started, and may write to stderr', async () => {
    const outcome = await pod.run([pod.app({ args: ['/nope'] })], { epilogue: script('echo out; echo removed >&2') });
    expect([outcome.code, outcome.stdout]).toEqual([254, '']);
    expect(outcome.stderr).toBe('rkt: app "app": executing "/nope": No such file or directory\nremoved\n');
  });

  test('that is not there is told; the code is the pod’s', async () => {
    const outcome = await pod.run([pod.app({ script: 'exit 4' })], { epilogue: ['/nope'] });
    expect(outcome).toEqual({
      code: 4,
      stdout: '',
      stderr: 'rkt: after the end of the pod: executing /nope: No such file or directory\n',
    });
  });
});

describe('a stop signal of the app', () => {
  const traps =
    'for s in TERM INT QUIT USR1; do trap "echo got $s; exit 0" $s; done; echo ready; while :; do sleep 0.01; done';

  test.each([
    ['SIGTERM', 'QUIT'],
    ['SIGINT', 'INT'],
    ['SIGUSR1', 'USR1'],
  ] as const)('%s to the pod is SIG%s to the app', async (signal, got) => {
    const run = pod.start(pod.plan([pod.app({ script: traps, stopSignal: 3 })]));
    await run.line('ready');
    run.child.kill(signal);
    expect((await run.ended).stdout).toBe(`ready\ngot ${got}\n`);
  });

  test('is what other apps’ failures send, and what an app that was started again gets', async () => {
    const again = `[ -e /first ] || { touch /first; exit 1; }; ${traps}`;
    const run = pod.start(
      pod.plan([
        pod.app({ name: 'again', script: again, stopSignal: 3, restart: { policy: 'always' } }),
        pod.app({ name: 'fails', script: 'read line; exit 7' }),
      ]),
      { stdio: ['pipe', 'pipe', 'pipe', pod.lockFd] },
    );
    await run.line('ready');
    run.child.stdin?.end('go\n');
    expect(await run.ended).toEqual({ code: 7, stdout: 'ready\ngot QUIT\n', stderr: '' });
  });
});

test('a second SIGINT kills at once', async () => {
  const script = 'trap "echo no" INT TERM; echo ready; while :; do sleep 0.01; done';
  const run = pod.start(pod.plan([pod.app({ script })], { stopTimeoutMs: 1_000_000 }));
  await run.line('ready');
  run.child.kill('SIGINT');
  await run.line('no');
  run.child.kill('SIGINT');
  expect((await run.ended).code).toBe(137);
});
