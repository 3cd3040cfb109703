/** pre-start and post-stop: when they run, as whom, and what their ends do (aci.md, eventHandlers). */

import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { defaultCapabilities, TestPod } from './harness.ts';

let pod: TestPod;
let data: string;
beforeEach(() => {
  pod = new TestPod();
  data = pod.directory('data');
  chmodSync(data, 0o777);
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

const mounts = (): { source: string; target: string }[] => [{ source: data, target: '/data' }];
const sh = (text: string): string[] => ['/bin/sh', '-c', text];
const log = (name: string): string => readFileSync(join(data, name), 'utf8');

test.each([false, true])(
  'have the environment, user, directory and bounds of their app; restartable: %s',
  async (again) => {
    const show = (name: string): string =>
      `{ env | sort; id; pwd; grep -E '^(CapBnd|NoNewPrivs|Seccomp:)' /proc/self/status; cat /proc/self/cgroup; ls /proc/self/fd | wc -l; } > /data/${name}`;
    const { code, stderr } = await pod.script(show('app'), {
      env: { PATH: '/bin', AC_APP_NAME: 'app', AC_METADATA_URL: 'http://169.254.169.255', container: 'rkt' },
      uid: 1000,
      gid: 1001,
      cwd: '/tmp',
      noNewPrivs: true,
      mounts: mounts(),
      preStart: sh(show('before')),
      postStop: sh(show('after')),
      ...(again ? { restart: { policy: 'on-failure' as const } } : {}),
    });
    expect([code, stderr]).toEqual([0, '']);
    expect(log('app')).toContain('AC_APP_NAME=app\n');
    expect(log('app')).toContain(`CapBnd:\t${defaultCapabilities.toString(16).padStart(16, '0')}\n`);
    expect([log('before'), log('after')]).toEqual([log('app'), log('app')]);
  },
);

test('of several apps run for each, and one app’s do not wait for another’s', async () => {
  const app = (name: string, script: string) =>
    pod.app({
      name,
      script: `echo run >> /data/${name}; ${script}`,
      mounts: mounts(),
      preStart: sh(`echo before >> /data/${name}`),
      postStop: sh(`echo after >> /data/${name}`),
    });
  const run = pod.start(pod.plan([app('short', 'true'), app('long', 'read line; exit 3')]), {
    stdio: ['pipe', 'pipe', 'pipe', pod.lockFd],
  });
  const done = (): boolean => {
    try {
      return log('short') === 'before\nrun\nafter\n' && log('long') === 'before\nrun\n';
    } catch {
      return false;
    }
  };
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
  run.child.stdin?.end('go\n');
  expect((await run.ended).code).toBe(3);
  expect(log('long')).toBe('before\nrun\nafter\n');
});

test('post-stop runs for an app that failed and for those that it ended, and its own code does not count', async () => {
  const app = (name: string, script: string) =>
    pod.app({ name, script, mounts: mounts(), postStop: sh(`echo after > /data/${name}; exit 77`) });
  const { code } = await pod.run([
    app('fails', 'while ! [ -e /data/up ]; do sleep 0.01; done; exit 7'),
    app('ended', 'trap "exit 0" TERM; touch /data/up; while :; do sleep 0.01; done'),
  ]);
  expect([code, log('fails'), log('ended')]).toEqual([7, 'after\n', 'after\n']);
  expect([pod.file('status/fails'), pod.file('status/ended')]).toEqual(['7', '0']);
});

test('nothing waits in the pod for the end of an app', async () => {
  const script = 'for p in /proc/[0-9]*; do cat $p/comm; done; exit 7';
  const app = pod.app({ script, mounts: mounts(), postStop: sh('echo after') });
  expect(await pod.run(app)).toEqual({ code: 7, stdout: 'rkt-init\nsh\nafter\n', stderr: '' });
});

test.each(['never', 'on-failure'] as const)(
  'a post-stop that cannot be executed is told, and no more: %s',
  async (policy) => {
    const app = pod.app({ script: 'exit 0', postStop: ['/nope'] });
    const outcome = await pod.run(policy === 'never' ? app : { ...app, restart: { policy } });
    expect(outcome).toEqual({
      code: 0,
      stdout: '',
      stderr: 'rkt: app "app": running the post-stop handler: executing "/nope": No such file or directory\n',
    });
  },
);

test('an app that fails ends the others before its own handler has ended, and its code is the pod’s', async () => {
  const { code } = await pod.run([
    pod.app({
      name: 'fails',
      script: 'while ! [ -e /data/up ]; do sleep 0.01; done; exit 7',
      mounts: mounts(),
      postStop: sh('until [ -e /data/ended ]; do sleep 0.01; done; echo after > /data/fails'),
    }),
    pod.app({
      name: 'other',
      script: 'trap "touch /data/ended; exit 9" TERM; touch /data/up; while :; do sleep 0.01; done',
      mounts: mounts(),
    }),
  ]);
  expect([code, log('fails')]).toEqual([7, 'after\n']);
});

test('a pod ends when its handlers have', async () => {
  const outcome = await pod.script('exit 0', { postStop: sh('sleep 0.2; echo after') });
  expect(outcome).toEqual({ code: 0, stdout: 'after\n', stderr: '' });
});

test.each(['never', 'on-failure'] as const)(
  'a pre-start that fails the first time ends the pod: %s',
  async (policy) => {
    const app = pod.app({ script: 'echo run', preStart: sh('exit 5'), postStop: sh('echo after') });
    const outcome = await pod.run(policy === 'never' ? app : { ...app, restart: { policy } });
    expect(outcome).toEqual({
      code: 254,
      stdout: '',
      stderr: 'rkt: app "app": the pre-start handler "/bin/sh" exited with code 5\n',
    });
  },
);

test('nothing of a pod is executed before its files lead to it', async () => {
  // Ten apps that ask at once; the answer is in the pod's directory, which no app has otherwise.
  const apps = Array.from({ length: 10 }, (_, index) =>
    pod.app({
      name: `app-${index}`,
      script: 'true',
      preStart: sh('test -s /pod/pid && test -s /pod/subcgroup || echo too early'),
      mounts: [{ source: pod.pod, target: '/pod' }],
    }),
  );
  expect(await pod.run(apps)).toEqual({ code: 0, stdout: '', stderr: '' });
});
