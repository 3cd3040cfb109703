/** The entrypoints enter and stop, and what an idle pod costs. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { PlanApp } from '../../../runtime/stage1/plan.ts';
import { fullPipe } from '../threats/exe-attack.ts';
import { defaultCapabilities, type RunningPod, TestPod } from './harness.ts';

let pod: TestPod;
let run: RunningPod;
beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

const idle = 'trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done';

async function start(app: Partial<PlanApp> = {}): Promise<void> {
  run = pod.start(pod.plan([pod.app({ script: idle, ...app })]));
  await run.line('ready');
  await pod.appPid('app');
}

async function end(): Promise<void> {
  run.child.kill('SIGTERM');
  expect((await run.ended).code).toBe(0);
}

const enter = (...command: string[]) =>
  pod.entrypoint('enter', [`--pid=${pod.file('pid')}`, '--appname=app', '--', ...command]).ended;

describe('enter', () => {
  test('runs a command in the app, with its bounds', async () => {
    await start({ uid: 1000, gid: 1001, supplementaryGids: [5], noNewPrivs: true, env: { PATH: '/bin', X: 'y' } });
    const script = `id -u; id -g; echo $X; hostname; ls /proc/self/fd | wc -l
      grep -E '^(CapBnd|NoNewPrivs|Seccomp:)' /proc/self/status; grep -c '/machine-rkt.*/app$' /proc/self/cgroup
      test -e /proc/1/root/etc || echo sealed`;
    const bounding = defaultCapabilities.toString(16).padStart(16, '0');
    expect(await enter('sh', '-c', script)).toEqual({
      code: 0,
      // ls has one descriptor of its own.
      stdout: `1000\n1001\ny\nrkt-test\n4\nCapBnd:\t${bounding}\nNoNewPrivs:\t1\nSeccomp:\t0\n${pod.cgroups.length}\nsealed\n`,
      stderr: '',
    });
    await end();
  });

  test('works as soon as the app has said a word', async () => {
    run = pod.start(pod.plan([pod.app({ script: idle })]));
    await run.line('ready');
    expect(await enter('echo', 'in')).toEqual({ code: 0, stdout: 'in\n', stderr: '' });
    await end();
  });

  test('says so while the app has not been started', async () => {
    run = pod.start(pod.plan([pod.app({ script: 'exit 3', preStart: ['/bin/sh', '-c', 'echo waiting; sleep 1000'] })]));
    await run.line('waiting');
    expect((await enter('true')).stderr).toBe('rkt: entering app "app": the app has not been started yet\n');
    run.child.kill('SIGTERM');
    expect((await run.ended).code).toBe(143);
  });

  test('passes exit codes and signals on', async () => {
    await start();
    expect((await enter('sh', '-c', 'exit 7')).code).toBe(7);
    expect((await enter('sh', '-c', 'kill -9 $$')).code).toBe(137);
    const entered = pod.entrypoint('enter', [
      '--appname=app',
      '--',
      'sh',
      '-c',
      'trap "exit 9" TERM; echo in; while :; do sleep 0.01; done',
    ]);
    await entered.line('in');
    entered.child.kill('SIGTERM');
    expect((await entered.ended).code).toBe(9);
    expect(await enter('/nope')).toEqual({
      code: 254,
      stdout: '',
      stderr: 'rkt: entering app "app": executing "/nope": No such file or directory\n',
    });
    await end();
  });

  // The kernel forgets about it when the user changes.
  test.each([0, 1000])('ends with the caller, also if that is killed, in an app of user %d', async (uid) => {
    await start({ uid, gid: uid });
    const entered = pod.entrypoint('enter', [
      '--appname=app',
      '--',
      'sh',
      '-c',
      'echo in; echo $$ > /dev/shm/entered; sleep 1000',
    ]);
    await entered.line('in');
    entered.child.kill('SIGKILL');
    await entered.ended;
    // The pipes close when the last process that has them is gone, so it is gone now.
    expect(
      (
        await enter(
          'sh',
          '-c',
          'test -e /proc/$(cat /dev/shm/entered) && grep State /proc/$(cat /dev/shm/entered)/status; true',
        )
      ).stdout,
    ).toMatch(/^(State:\tZ.*\n)?$/);
    await end();
  });

  test('passes signals on while nobody takes the output of its terminal', async () => {
    await start();
    const full = fullPipe(pod.dir);
    const command =
      'trap "touch /dev/shm/got; exit 3" TERM; echo more; touch /dev/shm/set; while :; do sleep 0.02; done';
    const appears = (name: string) => enter('sh', '-c', `until [ -e /dev/shm/${name} ]; do sleep 0.02; done`);
    const args = ['--appname=app', '--tty', '--', 'sh', '-c', command];
    const entered = pod.entrypoint('enter', args, ['ignore', full.blocked, 'pipe']);
    await appears('set');
    entered.child.kill('SIGTERM');
    await appears('got');
    // Now it waits for somebody to take the rest, until it is told again not to.
    entered.child.kill('SIGTERM');
    await entered.ended;
    full.close();
    await end();
  });

  test('refuses another process, another app, a pod that has ended', async () => {
    await start();
    const real = pod.file('appsinfo/app/pid');
    writeFileSync(join(pod.pod, 'appsinfo', 'app', 'pid'), String(process.pid));
    expect((await enter('true')).stderr).toBe(`rkt: entering app "app": process ${process.pid} is not in the pod\n`);
    writeFileSync(join(pod.pod, 'appsinfo', 'app', 'pid'), real);
    const other = await pod.entrypoint('enter', ['--pid=1', '--appname=app', '--', 'true']).ended;
    expect(other.stderr).toBe(
      `rkt: entering app "app": --pid is 1, but the pod's init is process ${pod.file('pid')}\n`,
    );
    const unknown = await pod.entrypoint('enter', ['--appname=nope', '--', 'true']).ended;
    expect([unknown.code, unknown.stderr]).toEqual([254, 'rkt: entering app "nope": the pod has no such app\n']);
    await end();
    expect((await enter('true')).stderr).toBe('rkt: entering app "app": the pod is not running\n');
  });
});

describe('stop', () => {
  test('asks the apps to end', async () => {
    await start();
    expect(await pod.entrypoint('stop', [pod.uuid]).ended).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await run.ended).code).toBe(0);
    expect(pod.file('status/app')).toBe('0');
  });

  test('--force kills, and the monitor cleans up', async () => {
    await start();
    expect((await pod.entrypoint('stop', ['--force', pod.uuid]).ended).code).toBe(0);
    expect((await run.ended).code).toBe(137);
    expect(pod.file('status/app')).toBe('137');
  });

  test('signals nobody when the pod has ended or the number is another’s', async () => {
    await start();
    const pid = pod.file('pid');
    writeFileSync(join(pod.pod, 'pid'), String(process.pid));
    expect((await pod.entrypoint('stop', [pod.uuid]).ended).stderr).toBe(
      `rkt: stopping the pod ${pod.uuid}: process ${process.pid} is not the init of a pod\n`,
    );
    writeFileSync(join(pod.pod, 'pid'), pid);
    await end();
    expect(await pod.entrypoint('stop', [pod.uuid]).ended).toEqual({
      code: 254,
      stdout: '',
      stderr: `rkt: stopping the pod ${pod.uuid}: the pod is not running\n`,
    });
  });
});

test('gc without a plan says so and is content', async () => {
  expect(await pod.entrypoint('gc', [pod.uuid]).ended).toEqual({
    code: 0,
    stdout: '',
    stderr: 'rkt: opening the launch plan stage1.plan: No such file or directory; cleaning without it\n',
  });
});

test('an idle pod keeps less than 1 MiB of ours in memory', async () => {
  await start();
  const pss = (pid: string | number | undefined): number =>
    Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);
  const total = pss(run.child.pid) + pss(pod.file('pid'));
  expect(total).toBeGreaterThan(0);
  expect(total).toBeLessThan(1024);
  if (process.env.RKT_TEST_VERBOSE !== undefined) console.log(`monitor and init: ${total} KiB PSS`);
  await end();
});
