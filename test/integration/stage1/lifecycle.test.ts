/** Exit codes, signals, the files in the pod's directory, and the end of pods. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isUnified } from '../../support/cgroups.ts';
import { defaultCapabilities, gone, processesOf, TestPod } from './harness.ts';

let pod: TestPod;
beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

describe('exit code', () => {
  test.each([0, 1, 3, 255])('is the app’s: %i', async (code) => {
    expect((await pod.script(`exit ${code}`)).code).toBe(code);
    expect(pod.file('status/app')).toBe(String(code));
  });

  test('is 128 and the signal that killed the app', async () => {
    expect((await pod.script('kill -SEGV $$')).code).toBe(139);
    expect(pod.file('status/app')).toBe('139');
  });

  test('is 0 when all of several apps end well', async () => {
    const apps = ['a', 'b', 'c'].map((name) => pod.app({ name, script: 'true' }));
    expect(await pod.run(apps)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(['a', 'b', 'c'].map((name) => pod.file(`status/${name}`))).toEqual(['0', '0', '0']);
  });

  test('is that of the first app that fails, which ends the others', async () => {
    const { code } = await pod.run([
      pod.app({ name: 'waits', script: 'trap "exit 9" TERM; while :; do sleep 0.01; done' }),
      pod.app({ name: 'fails', script: 'exit 7' }),
    ]);
    expect(code).toBe(7);
    expect(pod.file('status/fails')).toBe('7');
    // Told to end before or after its trap was set.
    expect(['9', '143']).toContain(pod.file('status/waits'));
  });

  test('an app that ends well leaves the others running', async () => {
    const run = pod.start(
      pod.plan([pod.app({ name: 'short' }), pod.app({ name: 'long', script: 'read line; echo $line; exit 4' })]),
      { stdio: ['pipe', 'pipe', 'pipe', pod.lockFd] },
    );
    run.child.stdin?.end('still here\n');
    expect(await run.ended).toEqual({ code: 4, stdout: 'still here\n', stderr: '' });
  });
});

describe('failure to start', () => {
  test.each([
    ['no such program', { args: ['/bin/nope'] }, 'executing "/bin/nope": No such file or directory'],
    ['not found along PATH', { args: ['nope'] }, 'executing "nope": No such file or directory'],
    ['not executable', { args: ['/etc'] }, 'executing "/etc": Permission denied'],
    ['no working directory', { cwd: '/nope' }, 'entering the working directory /nope: No such file or directory'],
    ['no layer', { root: { lowers: ['/nope'] } }, 'cloning the mount of /nope: No such file or directory'],
    [
      'pre-start fails',
      { preStart: ['/bin/sh', '-c', 'exit 5'] },
      'the pre-start handler "/bin/sh" exited with code 5',
    ],
    [
      'pre-start killed',
      { preStart: ['/bin/sh', '-c', 'kill -9 $$'] },
      'the pre-start handler "/bin/sh" was killed by signal 9',
    ],
    [
      'no pre-start',
      { preStart: ['/nope'] },
      'running the pre-start handler: executing "/nope": No such file or directory',
    ],
  ])('%s', async (_, change, message) => {
    const marker = join(pod.dir, 'teardown');
    writeFileSync(marker, '');
    const outcome = await pod.run(pod.app(change), { teardown: [{ kind: 'unlink', path: marker }] });
    expect(outcome).toEqual({ code: 254, stdout: '', stderr: `rkt: app "app": ${message}\n` });
    expect(pod.file('status/app')).toBe('254');
    expect(existsSync(marker)).toBe(false);
  });

  test('a file without a known format is not given to a shell', async () => {
    writeFileSync(join(pod.image, 'bin', 'text'), 'echo no', { mode: 0o755 });
    const { code, stderr } = await pod.run(pod.app({ args: ['text'] }));
    expect([code, stderr]).toEqual([254, 'rkt: app "app": executing "text": Exec format error\n']);
  });

  test('a missing interpreter is told from a missing file', async () => {
    writeFileSync(join(pod.image, 'bin', 'script'), '#!/no/such\n', { mode: 0o755 });
    const { stderr } = await pod.run(pod.app({ args: ['/bin/script'] }));
    expect(stderr).toBe(
      'rkt: app "app": executing "/bin/script": its interpreter or dynamic loader is missing: No such file or directory\n',
    );
  });

  test('of one app ends the others at once', async () => {
    const outcome = await pod.run([
      pod.app({ name: 'good', script: 'sleep 1000' }),
      pod.app({ name: 'bad', args: ['/nope'] }),
    ]);
    expect([outcome.code, outcome.stderr]).toEqual([
      254,
      'rkt: app "bad": executing "/nope": No such file or directory\n',
    ]);
    expect(pod.file('status/good')).toBe('137');
  });

  test('a v1 hierarchy that is none: it is joined by tasks', async () => {
    // The directory is made like a group, but no kernel puts files in it.
    const dir = join(pod.dir, 'no-hierarchy', 'pod');
    const { code, stderr } = await pod.script('true', {}, { cgroups: [{ dir }] });
    expect([code, stderr]).toEqual([
      254,
      `rkt: starting the pod: joining the cgroup ${dir}/tasks: No such file or directory\n`,
    ]);
    expect(existsSync(dir)).toBe(false);
  });

  test('a network namespace that is missing', async () => {
    const { code, stderr } = await pod.script('true', {}, { netns: '/run/nope' });
    expect([code, stderr]).toEqual([
      254,
      'rkt: starting the pod: joining the network namespace /run/nope: No such file or directory\n',
    ]);
  });
});

describe('signals', () => {
  test.each(['HUP', 'INT', 'QUIT', 'USR1', 'USR2', 'TERM', 'WINCH', 'CONT'] as const)(
    'SIG%s reaches the app',
    async (name) => {
      const run = pod.start(
        pod.plan([
          pod.app({ script: `trap "echo got ${name}; exit 5" ${name}; echo ready; while :; do sleep 0.01; done` }),
        ]),
      );
      await run.line('ready');
      run.child.kill(`SIG${name}`);
      expect(await run.ended).toEqual({ code: 5, stdout: `ready\ngot ${name}\n`, stderr: '' });
    },
  );

  test('an app that ignores SIGTERM is killed after the timeout', async () => {
    const run = pod.start(
      pod.plan([pod.app({ script: 'trap "" TERM; echo ready; while :; do sleep 0.01; done' })], { stopTimeoutMs: 100 }),
    );
    await run.line('ready');
    run.child.kill('SIGTERM');
    expect((await run.ended).code).toBe(137);
    expect(pod.file('status/app')).toBe('137');
  });

  test('dispositions and masks of the caller do not reach the app', async () => {
    pod.write(pod.plan([pod.app({ args: ['/bin/grep', '-E', 'Sig(Blk|Ign)', '/proc/self/status'] })]));
    const script = 'trap "" PIPE HUP USR1; exec "$@"';
    const run = pod.start(pod.plan([pod.app({ args: ['/bin/grep', '-E', 'Sig(Blk|Ign)', '/proc/self/status'] })]), {
      wrapper: ['/bin/sh', '-c', script, 'sh'],
    });
    expect((await run.ended).stdout).toBe('SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n');
  });

  test('SIGTERM to the pod’s init stops the pod', async () => {
    const run = pod.start(
      pod.plan([pod.app({ script: 'trap "exit 6" TERM; echo ready; while :; do sleep 0.01; done' })]),
    );
    await run.line('ready');
    process.kill(Number(pod.file('pid')), 'SIGTERM');
    expect((await run.ended).code).toBe(6);
  });

  test('two at once', async () => {
    const run = pod.start(
      pod.plan([
        pod.app({ script: 'trap "n=1" USR1; trap "exit 8" TERM INT; echo ready; while :; do sleep 0.01; done' }),
      ]),
    );
    await run.line('ready');
    run.child.kill('SIGUSR1');
    run.child.kill('SIGTERM');
    run.child.kill('SIGINT');
    expect((await run.ended).code).toBe(8);
  });
});

describe('PID 1', () => {
  test('reaps orphans', async () => {
    // Each inner shell leaves its child to init, which must take it or a zombie shows in /proc.
    const script = `
      i=0; while [ $i -lt 20 ]; do sh -c 'sleep 0.01 & exit 0'; i=$((i+1)); done
      while grep -q 'PPid:.1$' /proc/[0-9]*/status 2>/dev/null && [ "$(grep -l 'PPid:.1$' /proc/[0-9]*/status 2>/dev/null | wc -l)" -gt 1 ]; do sleep 0.01; done
      grep -c Z /proc/[0-9]*/stat | grep -c ':1$'; exit 2`;
    expect(await pod.script(script)).toEqual({ code: 2, stdout: '0\n', stderr: '' });
  });

  test('takes everything with it when the last app ends', async () => {
    const { code } = await pod.script(
      'for i in 1 2 3 4 5 6 7 8; do (sleep 1000 &) ; (trap "" TERM; sleep 1000) & done; exit 11',
    );
    expect(code).toBe(11);
    expect(processesOf(pod.uuid)).toEqual([]);
  });

  test('cannot be looked into', async () => {
    const script =
      'for link in root cwd exe fd/0 fd/3; do readlink /proc/1/$link; done; ls /proc/1/root/; cat /proc/1/environ /proc/1/maps; echo end';
    const { stdout, stderr } = await pod.script(script);
    expect(stdout).toBe('end\n');
    // readlink of busybox says nothing about the reason.
    expect(stderr.match(/Permission denied/g)).toHaveLength(3);
  });

  test('has an empty root and nothing of the host open', async () => {
    const run = pod.start(pod.plan([pod.app({ script: 'echo ready; sleep 1000' })]));
    await run.line('ready');
    await pod.appPid('app');
    const init = pod.file('pid');
    expect(spawnSync('ls', ['-A', `/proc/${init}/root/`], { encoding: 'utf8' }).stdout).toBe('');
    const files = spawnSync('sh', ['-c', `ls -l /proc/${init}/fd | sed -n 's/.* -> //p' | sort -u`], {
      encoding: 'utf8',
    });
    expect(files.stdout).toMatch(/^\/null\nanon_inode:\[signalfd\]\nsocket:\[\d+\]\n$/);
    run.child.kill('SIGTERM');
    expect((await run.ended).code).toBe(143);
  });
});

describe('the capabilities of PID 1', () => {
  const held = (pid: string): string[] =>
    ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'].map(
      (field) =>
        new RegExp(`^${field}:\\t([0-9a-f]+)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '',
    );
  const killOnly = ['0000000000000000', '0000000000000020', '0000000000000020', '0000000000000000'];

  test('are CAP_KILL only, by which signals reach apps of other users', async () => {
    const script = 'trap "exit 5" USR1; echo ready; while :; do sleep 0.01; done';
    const run = pod.start(pod.plan([pod.app({ script, uid: 1234, gid: 1234, capsBounding: 0n })]));
    await run.line('ready');
    expect(held(pod.file('pid'))).toEqual(killOnly);
    run.child.kill('SIGUSR1');
    expect((await run.ended).code).toBe(5);
  });

  test('are not what a post-stop handler has, which keeps those of its app', async () => {
    const postStop = [
      '/bin/sh',
      '-c',
      'grep CapEff /proc/self/status; chown 1:1 /tmp && mknod /tmp/pipe p && echo done',
    ];
    const run = pod.start(pod.plan([pod.app({ script: 'echo ready; read line', postStop })]), {
      stdio: ['pipe', 'pipe', 'pipe', pod.lockFd],
    });
    await run.line('ready');
    expect(held(pod.file('pid'))).toEqual(killOnly);
    run.child.stdin?.end('go\n');
    const { code, stdout } = await run.ended;
    expect(code).toBe(0);
    expect(stdout).toBe(`ready\nCapEff:\t${defaultCapabilities.toString(16).padStart(16, '0')}\ndone\n`);
  });
});

describe('the monitor', () => {
  test('writes pids and the name of the cgroup', async () => {
    const run = pod.start(pod.plan([pod.app({ script: 'echo ready; read line' })]), {
      stdio: ['pipe', 'pipe', 'pipe', pod.lockFd],
    });
    await run.line('ready');
    expect(pod.file('subcgroup')).toBe(`machine-rkt\\x2d${pod.uuid}.scope`);
    const status = (pid: string): string => readFileSync(`/proc/${pid}/status`, 'utf8');
    expect(status(pod.file('pid'))).toMatch(/^NSpid:\t\d+\t1$/m);
    const app = await pod.appPid('app');
    expect(status(app)).toMatch(new RegExp(`^PPid:\t${pod.file('pid')}$`, 'm'));
    expect(readFileSync(`/proc/${app}/cgroup`, 'utf8')).toContain(`/machine-rkt\\x2d${pod.uuid}.scope/app\n`);
    expect(readFileSync(`/proc/${pod.file('pid')}/cgroup`, 'utf8')).toContain(
      `/machine-rkt\\x2d${pod.uuid}.scope/init.scope\n`,
    );
    run.child.stdin?.end('go\n');
    expect((await run.ended).code).toBe(0);
  });

  test('holds the lock until the end, and nobody else does', async () => {
    const run = pod.start(pod.plan([pod.app({ script: 'echo ready; sleep 1000' })]));
    await run.line('ready');
    await pod.appPid('app');
    const tryLock = (): number | null => spawnSync('flock', ['-n', '-x', pod.pod, 'true']).status;
    expect(tryLock()).toBe(1);
    await pod.appPid('app');
    run.child.kill('SIGKILL');
    await run.ended;
    expect(tryLock()).toBe(0);
    await pod.entrypoint('gc', [pod.uuid]).ended;
  });

  test('when it is killed, the pod ends, and gc leaves nothing', async () => {
    const marker = join(pod.dir, 'teardown');
    writeFileSync(marker, '');
    const script = '(trap "" TERM; setsid sleep 1000 &); echo ready; sleep 1000';
    const run = pod.start(pod.plan([pod.app({ script })], { teardown: [{ kind: 'unlink', path: marker }] }));
    await run.line('ready');
    await pod.appPid('app');
    run.child.kill('SIGKILL');
    await run.ended;
    const first = await pod.entrypoint('gc', ['--debug', '--local-config=/etc/rkt', pod.uuid]).ended;
    expect(first).toEqual({ code: 0, stdout: '', stderr: '' });
    await gone(pod.uuid);
    expect(existsSync(marker)).toBe(false);
    expect((await pod.entrypoint('gc', [pod.uuid]).ended).code).toBe(0);
  });

  const versions = isUnified ? [true] : [true, false];
  test.each(versions)('gc kills what lives in the cgroups, at once or one by one: unified %s', async (unified) => {
    const cgroups = pod.cgroups.filter(({ v2 }) => unified || !v2);
    await pod.script('true', {}, { cgroups });
    // As if the monitor had not come to its end, at which it removes the plan.
    pod.write(pod.plan([pod.app({})], { cgroups }));
    const left = [1, 2, 3].map(() => spawn('sleep', ['1000'], { stdio: 'ignore' }));
    for (const { dir, v2 } of cgroups) {
      mkdirSync(join(dir, 'app'), { recursive: true });
      left.forEach((process, index) => {
        const group = v2 || index > 0 ? join(dir, 'app') : dir;
        writeFileSync(join(group, 'cgroup.procs'), String(process.pid));
      });
    }
    const ends = left.map((process) => new Promise((resolve) => process.once('exit', (_, signal) => resolve(signal))));
    expect(await pod.entrypoint('gc', [pod.uuid]).ended).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await Promise.all(ends)).toEqual(['SIGKILL', 'SIGKILL', 'SIGKILL']);
  });

  describe('when the plan cannot be read, gc goes by the file subcgroup', () => {
    /** Processes left in every group of a pod that has ended, and their ends. */
    async function leave(): Promise<{ left: ChildProcess[]; ends: Promise<unknown[]> }> {
      await pod.script('true');
      const left = [1, 2].map(() => spawn('sleep', ['1000'], { stdio: 'ignore' }));
      for (const { dir, v2 } of pod.cgroups) {
        mkdirSync(join(dir, 'app'), { recursive: true });
        left.forEach((process, index) => {
          const group = v2 || index > 0 ? join(dir, 'app') : dir;
          writeFileSync(join(group, 'cgroup.procs'), String(process.pid));
        });
      }
      const ended = (process: ChildProcess): Promise<unknown> =>
        new Promise((resolve) => process.once('exit', (_, signal) => resolve(signal)));
      return { left, ends: Promise.all(left.map(ended)) };
    }
    const unreadable = 'rkt: opening the launch plan stage1.plan: No such file or directory';

    test('and kills what is in the groups and removes them', async () => {
      const { ends } = await leave();
      const outcome = await pod.entrypoint('gc', [pod.uuid]).ended;
      const stderr = `${unreadable}; cleaning the cgroups that are named in subcgroup\n`;
      expect(outcome).toEqual({ code: 0, stdout: '', stderr });
      expect(await ends).toEqual(['SIGKILL', 'SIGKILL']);
    });

    test('also where the name has its dashes escaped and is one below another, as systemd has it', async () => {
      const { left, ends } = await leave();
      const name = `rkt-test-${process.pid}.slice/machine-rkt\\x2d${pod.uuid.replaceAll('-', '\\x2d')}.scope`;
      const groups = pod.cgroups.map(({ dir }) => join(dirname(dir), name));
      groups.forEach((group) => {
        mkdirSync(group, { recursive: true });
        for (const process of left) writeFileSync(join(group, 'cgroup.procs'), String(process.pid));
      });
      for (const { dir } of pod.cgroups) {
        rmdirSync(join(dir, 'app'));
        rmdirSync(dir);
      }
      writeFileSync(join(pod.pod, 'subcgroup'), name);
      expect((await pod.entrypoint('gc', [pod.uuid]).ended).code).toBe(0);
      expect(await ends).toEqual(['SIGKILL', 'SIGKILL']);
      expect(groups.filter((group) => existsSync(group))).toEqual([]);
      for (const group of groups) rmdirSync(dirname(group));
    });

    test.each([
      ['an empty file', () => ''],
      ['the hierarchy itself', () => '.'],
      ['a way out', (name: string) => `../${name}`],
      ['another pod', (name: string) => name.replace(/[0-9a-f]{4}(?=\.scope)/, 'zzzz')],
      ['a group of the pod', (name: string) => `${name}/app`],
    ])('but not for %s', async (_, change) => {
      const { left, ends } = await leave();
      const name = pod.file('subcgroup');
      writeFileSync(join(pod.pod, 'subcgroup'), change(name));
      const outcome = await pod.entrypoint('gc', [pod.uuid]).ended;
      expect(outcome).toEqual({ code: 0, stdout: '', stderr: `${unreadable}; cleaning without it\n` });
      expect(left.map((process) => process.exitCode ?? process.signalCode)).toEqual([null, null]);
      writeFileSync(join(pod.pod, 'subcgroup'), name);
      expect((await pod.entrypoint('gc', [pod.uuid]).ended).code).toBe(0);
      expect(await ends).toEqual(['SIGKILL', 'SIGKILL']);
    });
  });

  test('runs all teardown steps although some fail', async () => {
    const marker = join(pod.dir, 'teardown');
    writeFileSync(marker, '');
    const { code, stderr } = await pod.script(
      'exit 3',
      {},
      {
        debug: true,
        teardown: [
          { kind: 'unlink', path: '/proc' },
          { kind: 'umount', path: '/nope' },
          { kind: 'unlink', path: marker },
        ],
      },
    );
    expect(code).toBe(3);
    expect(stderr).toContain('rkt: debug: teardown step 1: removing /proc: ');
    expect(stderr).not.toContain('step 2');
    expect(existsSync(marker)).toBe(false);
  });

  test('a status that cannot be written is told, and the exit code is right', async () => {
    mkdirSync(join(pod.pod, 'status', 'app'), { recursive: true });
    const { code, stderr } = await pod.script('exit 3');
    expect([code, stderr]).toEqual([3, "rkt: writing status/app in the pod's directory: Is a directory\n"]);
  });

  test('serves closed standard streams', async () => {
    const run = pod.start(pod.plan([pod.app({ script: 'ls /proc/self/fd | head -n 3; exit 4' })]), {
      wrapper: ['/bin/sh', '-c', 'exec "$@" <&- 2>&-', 'sh'],
    });
    expect(await run.ended).toEqual({ code: 4, stdout: '0\n1\n2\n', stderr: '' });
  });

  test('works without clone3 and openat2', async () => {
    const source = join(pod.dir, 'old.c');
    writeFileSync(source, oldKernel);
    expect(spawnSync('gcc', ['-o', join(pod.dir, 'old'), source], { encoding: 'utf8' }).stderr).toBe('');
    const data = pod.directory('data');
    const app = pod.app({
      script: 'touch /a/b/file; exit 3',
      mounts: [{ source: data, target: '/a/b' }],
      maskPaths: ['/proc/kcore'],
    });
    const run = pod.start(pod.plan([app]), { wrapper: [join(pod.dir, 'old')] });
    expect(await run.ended).toEqual({ code: 3, stdout: '', stderr: '' });
    expect(existsSync(join(data, 'file'))).toBe(true);
  });
});

/** Executes its arguments where clone3(2) and openat2(2) are ENOSYS, as on Linux 5.2. */
const oldKernel = `
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  if (argc < 2 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) return 99;
  execv(argv[1], argv + 1);
  return 98;
}
`;
