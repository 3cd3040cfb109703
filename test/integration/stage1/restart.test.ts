/** Apps that are started again: policy, back-off, what a new run finds, and every way to end one. */

import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { PlanRestart } from '../../../runtime/stage1/plan.ts';
import { gone, type RunningPod, TestPod } from './harness.ts';

let pod: TestPod;
beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

const onFailure: PlanRestart = { policy: 'on-failure' };
const always: PlanRestart = { policy: 'always' };

/** Sets `n` to the number of this run; the number is kept in the root filesystem. */
const count = 'n=$(cat /n 2>/dev/null || echo 0); n=$((n+1)); echo $n > /n; ';

/** The count of runs, for an app that may not write to its root directory. */
const counter = [{ path: '/n', mode: 0o666, data: '0' }];

/** How many processes of that name there are in the pod. */
const sleepers = 'grep -lx sleep /proc/[0-9]*/comm | wc -l';

/** A line of stderr of a pod with debug messages. */
async function says(run: RunningPod, pattern: RegExp): Promise<void> {
  let text = '';
  await new Promise<void>((resolve, reject) => {
    run.child.stderr?.on('data', (data: string) => {
      text += data;
      if (pattern.test(text)) resolve();
    });
    run.ended.then((outcome) => reject(new Error(`ended without ${pattern}: ${JSON.stringify(outcome)}`)), reject);
  });
}

describe('policy', () => {
  test('on-failure: until the app ends well', async () => {
    const outcome = await pod.script(`${count} echo run $n; [ $n -ge 3 ]`, { restart: onFailure });
    expect(outcome).toEqual({ code: 0, stdout: 'run 1\nrun 2\nrun 3\n', stderr: '' });
    expect([pod.file('status/app'), pod.file('appsinfo/app/restarts')]).toEqual(['0', '2']);
  });

  test('on-failure: an app that ends well is not started again', async () => {
    expect((await pod.script('echo once', { restart: onFailure })).stdout).toBe('once\n');
    expect(existsSync(join(pod.pod, 'appsinfo/app/restarts'))).toBe(false);
  });

  test('on-failure: an end by a signal is a failure', async () => {
    const outcome = await pod.script(`${count} [ $n -ge 2 ] || kill -KILL $$`, { restart: onFailure });
    expect([outcome.code, pod.file('appsinfo/app/restarts')]).toEqual([0, '1']);
  });

  test('on-failure:N: after so many restarts the code is the pod’s, and the other apps end', async () => {
    const { code, stdout } = await pod.run([
      pod.app({ name: 'fails', script: 'echo fails; exit 7', restart: { policy: 'on-failure', limit: 2 } }),
      pod.app({ name: 'waits', script: 'exec sleep 1000' }),
    ]);
    expect([code, stdout]).toEqual([7, 'fails\nfails\nfails\n']);
    expect([pod.file('appsinfo/fails/restarts'), pod.file('status/waits')]).toEqual(['2', '143']);
  });

  test('always: also an app that ended well, until the pod is stopped', async () => {
    const script = `${count} [ $n -lt 3 ] && exit 0; trap "exit 5" TERM; echo third; while :; do sleep 0.01; done`;
    const run = pod.start(pod.plan([pod.app({ script, restart: always })]));
    await run.line('third');
    run.child.kill('SIGTERM');
    expect((await run.ended).code).toBe(5);
    expect([pod.file('status/app'), pod.file('appsinfo/app/restarts')]).toEqual(['5', '2']);
  });

  test('an app that is started again does not end the others, nor the pod while it waits', async () => {
    const script = `${count} echo run $n; [ $n -ge 3 ] || exit 9; read line; echo $line`;
    const run = pod.start(
      pod.plan([pod.app({ name: 'short' }), pod.app({ name: 'restarts', script, restart: onFailure })]),
      { stdio: ['pipe', 'pipe', 'pipe', pod.lockFd] },
    );
    await run.line('run 3');
    run.child.stdin?.end('still here\n');
    expect(await run.ended).toEqual({ code: 0, stdout: 'run 1\nrun 2\nrun 3\nstill here\n', stderr: '' });
  });

  test('several apps, each by its own policy', async () => {
    const script = (times: number): string => `${count} [ $n -ge ${times} ]`;
    const times = [1, 2, 3, 4];
    const apps = times.map((n) => pod.app({ name: `app-${n}`, script: script(n), restart: onFailure }));
    expect((await pod.run(apps)).code).toBe(0);
    expect(times.slice(1).map((n) => pod.file(`appsinfo/app-${n}/restarts`))).toEqual(['1', '2', '3']);
  });
});

describe('a new run', () => {
  test('finds what the one before had: identity, bounds, namespaces, cgroups, mounts, no descriptors', async () => {
    const data = pod.directory('data');
    chmodSync(data, 0o777);
    const script = `${count}
      { id; pwd; umask; env | sort; hostname; grep -E '^(Cap|NoNewPrivs|Seccomp)' /proc/self/status
        cat /proc/self/cgroup /proc/self/mountinfo /proc/self/oom_score_adj; ls /proc/self/fd
        for ns in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$ns; done; ls -A /; } > /data/run-$n 2>&1
      [ $n -ge 2 ]`;
    const { code } = await pod.script(script, {
      restart: onFailure,
      uid: 1000,
      gid: 1001,
      supplementaryGids: [5],
      cwd: '/tmp',
      umask: 0o27,
      noNewPrivs: true,
      oomScoreAdj: 500,
      env: { PATH: '/bin', X: 'y' },
      preStart: ['/bin/true'],
      mounts: [{ source: data, target: '/data' }],
      maskPaths: ['/proc/kcore'],
      readonlyPaths: ['/proc/sys'],
      files: counter,
    });
    expect(code).toBe(0);
    const [first, second] = [1, 2].map((n) => readFileSync(join(data, `run-${n}`), 'utf8'));
    expect(first).toContain('uid=1000 gid=1001');
    expect(second).toBe(first);
  });

  test('comes after post-stop of the one before, and after pre-start of its own', async () => {
    const say = (text: string): string[] => ['/bin/sh', '-c', `echo ${text}`];
    const outcome = await pod.script(`${count} echo run; [ $n -ge 2 ]`, {
      restart: onFailure,
      preStart: say('before'),
      postStop: say('after'),
    });
    const one = 'before\nrun\nafter\n';
    expect(outcome).toEqual({ code: 0, stdout: `${one}${one}`, stderr: '' });
  });

  test('whose pre-start fails is a failed run, without a post-stop', async () => {
    const outcome = await pod.script('echo run; exit 3', {
      restart: { policy: 'on-failure', limit: 2 },
      preStart: ['/bin/sh', '-c', `${count} [ $n -ne 2 ]`],
      postStop: ['/bin/echo', 'after'],
    });
    expect(outcome).toEqual({
      code: 3,
      stdout: 'run\nafter\nrun\nafter\n',
      stderr: 'rkt: app "app": the pre-start handler "/bin/sh" exited with code 1\n',
    });
  });

  test('that cannot be executed is told, and tried again', async () => {
    const outcome = await pod.script('rm /bin/sh; exit 3', { restart: { policy: 'always', limit: 1 } });
    expect(outcome).toEqual({
      code: 254,
      stdout: '',
      stderr: 'rkt: app "app": executing "/bin/sh": No such file or directory\n',
    });
    expect(pod.file('status/app')).toBe('254');
  });

  test('has nothing beside it that the one before has left', async () => {
    const script = `${count}
      if [ $n = 1 ]; then (trap "" TERM HUP; setsid sleep 1000 </dev/null >/dev/null 2>&1 &); exit 1; fi
      ${sleepers}; exit 0`;
    expect(await pod.script(script, { restart: onFailure })).toEqual({ code: 0, stdout: '0\n', stderr: '' });
  });

  test('leaves alone what belongs to the other apps', async () => {
    const run = pod.start(
      pod.plan([
        pod.app({ name: 'other', script: `(setsid sleep 1000 &); read line; ${sleepers}` }),
        pod.app({ name: 'restarts', script: `${count} [ $n -ge 3 ] && echo third`, restart: onFailure }),
      ]),
      { stdio: ['pipe', 'pipe', 'pipe', pod.lockFd] },
    );
    await run.line('third');
    run.child.stdin?.end('go\n');
    expect((await run.ended).stdout).toBe('third\n1\n');
  });

  test('is where pid leads to, and enter', async () => {
    const script = `${count} [ $n -ge 2 ] || exit 1; trap "exit 0" TERM; echo second; while :; do sleep 0.01; done`;
    const run = pod.start(pod.plan([pod.app({ script, restart: onFailure })]));
    const first = await pod.appPid('app');
    await run.line('second');
    // It is written right after the app was executed.
    while (pod.file('appsinfo/app/pid') === first) await new Promise((resolve) => setImmediate(resolve));
    const enter = ['--appname=app', '--', 'cat', '/n'];
    expect(await pod.entrypoint('enter', enter).ended).toEqual({ code: 0, stdout: '2\n', stderr: '' });
    run.child.kill('SIGTERM');
    expect((await run.ended).code).toBe(0);
  });

  test('gets the pod’s signals', async () => {
    const script = `${count} [ $n -ge 2 ] || exit 1
      trap "echo got one" USR1; trap "exit 6" TERM; echo second; while :; do sleep 0.01; done`;
    const run = pod.start(pod.plan([pod.app({ script, restart: onFailure, uid: 1234, files: counter })]));
    await run.line('second');
    run.child.kill('SIGUSR1');
    await run.line('got one');
    run.child.kill('SIGTERM');
    expect((await run.ended).code).toBe(6);
  });

  test('leaves its orphans to the pod’s init', async () => {
    const script = `${count} [ $n -ge 2 ] || exit 1
      sh -c 'sleep 0.01 & exit 0'; sh -c 'sh -c "echo \\$PPID" & exit 0' | cat; exit 0`;
    const outcome = await pod.script(script, { restart: onFailure });
    expect([outcome.code, outcome.stderr]).toEqual([0, '']);
  });
});

describe('the end', () => {
  const failing = 'exit 9';
  const waiting = /started again in 400 ms/;

  test('a stop between two runs ends the pod at once, with the code of the last run', async () => {
    const run = pod.start(pod.plan([pod.app({ script: failing, restart: onFailure })], { debug: true }));
    await says(run, waiting);
    run.child.kill('SIGTERM');
    expect((await run.ended).code).toBe(9);
    expect([pod.file('appsinfo/app/restarts'), pod.file('status/app')]).toEqual(['2', '9']);
  });

  test('so does another app that fails', async () => {
    const run = pod.start(
      pod.plan(
        [
          pod.app({ name: 'restarts', script: 'exit 0', restart: always }),
          pod.app({ name: 'fails', script: 'read line; exit 4' }),
        ],
        { debug: true },
      ),
      { stdio: ['pipe', 'pipe', 'pipe', pod.lockFd] },
    );
    await says(run, waiting);
    run.child.stdin?.end('go\n');
    expect((await run.ended).code).toBe(4);
    expect([pod.file('status/restarts'), pod.file('status/fails')]).toEqual(['0', '4']);
  });

  test('SIGTERM to the pod’s init stops a new run as well', async () => {
    const script = `${count} [ $n -ge 2 ] || exit 1; trap "exit 6" TERM; echo second; while :; do sleep 0.01; done`;
    const run = pod.start(pod.plan([pod.app({ script, restart: always })]));
    await run.line('second');
    process.kill(Number(pod.file('pid')), 'SIGTERM');
    expect((await run.ended).code).toBe(6);
  });

  test('a new run that does not stop in time is killed', async () => {
    const script = `${count} [ $n -ge 2 ] || exit 1; trap "echo no" TERM; echo second; while :; do sleep 0.01; done`;
    const run = pod.start(
      pod.plan([pod.app({ script, restart: always, postStop: ['/bin/echo', 'after'] })], { stopTimeoutMs: 100 }),
    );
    await run.line('second');
    run.child.kill('SIGTERM');
    expect(await run.ended).toEqual({ code: 137, stdout: 'after\nsecond\nno\n', stderr: '' });
    expect(pod.file('status/app')).toBe('137');
  });

  test.each([
    [
      'while a new run lives',
      `${count} [ $n -ge 2 ] || exit 1; (setsid sleep 1000 &); echo second; sleep 1000`,
      undefined,
    ],
    ['between two runs', failing, waiting],
  ])('kill -9 of the monitor %s ends everything', async (_, script, message) => {
    const run = pod.start(pod.plan([pod.app({ script, restart: always })], { debug: true }));
    await (message === undefined ? run.line('second') : says(run, message));
    run.child.kill('SIGKILL');
    await run.ended;
    expect(await pod.entrypoint('gc', [pod.uuid]).ended).toEqual({ code: 0, stdout: '', stderr: '' });
    await gone(pod.uuid);
  });

  test('kill -9 of the pod’s init while a new run lives ends the pod in order', async () => {
    const script = `${count} [ $n -ge 2 ] || exit 1; echo second; sleep 1000`;
    const run = pod.start(pod.plan([pod.app({ script, restart: always })]));
    await run.line('second');
    process.kill(Number(pod.file('pid')), 'SIGKILL');
    expect((await run.ended).code).toBe(137);
    expect(pod.file('status/app')).toBe('137');
  });
});
