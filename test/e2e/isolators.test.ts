/** Isolators as users meet them: in images, on the command line, in what rkt says about them. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { podScope } from '../../runtime/stage1/cgroups.ts';
import { architecturesOf } from '../../runtime/stage1/seccomp/architectures.ts';
import { byVersion, hierarchyOf, isUnified } from '../support/cgroups.ts';
import { Sandbox } from '../support/sandbox.ts';
import { callNumbers, endedBySigsys, errors, makeCallsImage } from '../support/system-calls.ts';

let host: Sandbox;
const calls = 'example.com/calls';

const run = (options: string[], ...words: string[]) =>
  host.rkt(['run', calls, ...options, `--exec=${words[0]}`, '--', ...words.slice(1)]);
const call = (options: string[], number: number, ...args: number[]) =>
  run(options, '/bin/calls', 'call', String(number), ...args.map(String));

beforeAll(async () => {
  host = await Sandbox.create();
  const wish = join(host.dir, 'wish.aci');
  await makeImage({
    name: 'example.com/wish',
    exec: ['/bin/true'],
    output: wish,
    app: {
      isolators: [
        { name: 'resource/memory', value: { limit: '64Mi' } },
        { name: 'resource/network-bandwidth', value: { default: true, limit: '1G' } },
        { name: 'os/linux/seccomp-retain-set', value: { set: ['@rkt/default-whitelist'] } },
        { name: 'os/linux/capabilities-retain-set', value: { set: ['CAP_CHOWN'] } },
      ],
    },
  });
  host.ok(['-insecure-skip-verify', 'fetch', wish, await makeCallsImage(calls, host.dir)]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

describe('system calls', () => {
  test('what is retained goes on, everything else ends the app', () => {
    const filter = '--seccomp=mode=retain,@rkt/default-whitelist';
    expect(call([filter], callNumbers.getpid)).toMatchObject({ status: 0, stdout: '0\n' });
    expect(call([filter], callNumbers.mount).status).toBe(endedBySigsys);
    // Threads are made by clone3, and by clone where that does not exist.
    expect(run([filter], '/bin/calls', 'thread').stdout).toBe('0\n');
  });

  test('what is removed gives the error that was asked for', () => {
    expect(call(['--seccomp=mode=remove,errno=ENOTSUP,socket'], callNumbers.socket, 2, 1, 0).stdout).toBe(
      `${errors.ENOTSUP}\n`,
    );
    expect(call(['--seccomp=mode=remove,socket'], callNumbers.socket, 2, 1, 0).status).toBe(endedBySigsys);
    expect(call(['--seccomp=mode=remove,socket'], callNumbers.getpid).stdout).toBe('0\n');
  });

  test('a call of a capability goes with it', () => {
    expect(call([], callNumbers.mount).stdout).toBe(`${errors.EPERM}\n`);
    expect(call(['--caps-retain=SYS_ADMIN'], callNumbers.mount).stdout).toBe(`${errors.EFAULT}\n`);
  });

  test('the filter is left out where the user does not want it', () => {
    const status = ['/bin/grep', 'Seccomp:', '/proc/self/status'];
    expect(run([], ...status).stdout).toBe('Seccomp:\t2\n');
    expect(run(['--insecure-options=seccomp'], ...status).stdout).toBe('Seccomp:\t0\n');
    expect(run(['--seccomp=mode=retain,@appc.io/all'], ...status).stdout).toBe('Seccomp:\t0\n');
  });

  test('the newest calls of the kernel are known', () => {
    expect(call([], callNumbers.newest, -1, 0, 0, 0, 0).stdout).not.toBe(`${errors.EPERM}\n`);
    expect(call([], 2000).stdout).toBe(`${errors.ENOSYS}\n`);
  });

  test('every call that a set names is blocked by the kernel, whatever its number', () => {
    // What the program that tries them needs itself.
    const needed =
      /^(read|write|writev|execve|exit|exit_group|mmap|munmap|brk|mprotect|arch_prctl|set_tid_address|rseq|uname|newfstatat|fstat|prlimit64|getrandom|readlink|readlinkat|set_robust_list|ioctl|rt_sig\w+|restart_syscall|futex|uprobe|uretprobe)$/;
    const [{ calls: table } = { calls: new Map<string, number>() }] = architecturesOf(process.arch);
    const names = [...table.keys()].filter((name) => !needed.test(name));
    const numbers = names.map((name) => String(table.get(name)));
    // EHWPOISON, which no call would give to these arguments.
    const filter = `--seccomp=mode=remove,errno=EHWPOISON,${names.join(',')}`;
    const { status, stdout } = run([filter], '/bin/calls', 'sweep', '133', ...numbers);
    expect([status, stdout.trim().split('\n')]).toEqual([0, numbers]);
    expect(numbers.length).toBeGreaterThan(250);
  });

  test('holds for an app that is not root, and without no-new-privileges', async () => {
    const file = join(host.dir, 'user.aci');
    const exec = ['/bin/grep', '-E', '^(Uid|NoNewPrivs|Seccomp|CapEff):', '/proc/self/status'];
    await makeImage({ name: 'example.com/user', exec, output: file, app: { user: '1000', group: '1000' } });
    expect(host.ok(['-insecure-skip-verify', 'run', file]).split('\n')).toEqual([
      'Uid:\t1000\t1000\t1000\t1000',
      'CapEff:\t0000000000000000',
      'NoNewPrivs:\t0',
      'Seccomp:\t2',
      '',
    ]);
  });

  test.each([
    ['mode=remove,mounte', 'rkt: app "calls": seccomp: there is no system call "mounte"\nrkt: did you mean "mount"?\n'],
    ['mode=remove,errno=ENONE,mount', 'rkt: app "calls": seccomp: Linux has no error "ENONE"\n'],
  ])('--seccomp=%s is a mistake, and leaves no pod', (filter, stderr) => {
    expect(call([`--seccomp=${filter}`], callNumbers.getpid)).toEqual({
      status: 254,
      signal: null,
      stdout: '',
      stderr,
    });
    expect(host.uuids()).toEqual([]);
  });
});

describe('capabilities', () => {
  test.each([
    ['--caps-retain=NET_RAW,cap_chown', '0000000000002001'],
    ['--caps-remove=CAP_MKNOD,CAP_SYS_ADMIN', '00000000a00425fb'],
  ])('%s', (option, bounding) => {
    expect(run([option], '/bin/grep', 'CapBnd', '/proc/self/status').stdout).toBe(`CapBnd:\t${bounding}\n`);
  });
});

describe('what became of isolators', () => {
  test('is said where it is not what was asked for, and shown by status', () => {
    const { status, stderr } = host.rkt(['run', 'example.com/wish']);
    expect([status, stderr]).toEqual([
      0,
      'rkt: warning: app "wish": isolator resource/network-bandwidth has no effect: rkt does not limit network traffic\n',
    ]);
    const [uuid = ''] = host.uuids();
    expect(
      host
        .ok(['status', '--verbose', uuid])
        .split('\n')
        .filter((line) => line.startsWith('isolator')),
    ).toEqual([
      'isolator-wish=resource/memory enforced',
      'isolator-wish=resource/network-bandwidth ignored (rkt does not limit network traffic)',
      'isolator-wish=os/linux/seccomp-retain-set enforced',
      'isolator-wish=os/linux/capabilities-retain-set enforced',
      'isolator-wish=os/linux/pids-limit enforced (default: 4096)',
    ]);
  });

  test('of an app that asks for nothing is the defaults', () => {
    host.ok(['run', calls]);
    const [uuid = ''] = host.uuids();
    expect(host.ok(['status', uuid])).not.toContain('isolator');
    expect(host.ok(['status', '--verbose', uuid])).toContain(
      'isolator-calls=os/linux/seccomp-retain-set enforced (default: @rkt/default-whitelist)\n',
    );
  });

  test('is left out where its record is damaged', () => {
    host.rkt(['run', 'example.com/wish']);
    const [uuid = ''] = host.uuids();
    const file = join(host.dataDir, 'pods', 'run', uuid, 'isolators.json');
    writeFileSync(file, '{"pod":[');
    const { status, stdout, stderr } = host.rkt(['status', '--verbose', uuid]);
    expect([status, stdout.includes('isolator-')]).toEqual([0, false]);
    expect(stderr).toMatch(new RegExp(`^rkt: warning: ${file} is damaged: .*\n$`));
  });

  test('options take the place of what the image says', () => {
    host.ok(['run', 'example.com/wish', '--memory=32Mi', '--seccomp=mode=remove,errno=EPERM,reboot']);
    const [uuid = ''] = host.uuids();
    const { isolators } = JSON.parse(host.ok(['cat-manifest', uuid])).apps[0].app;
    expect(isolators.map(({ name }: { name: string }) => name)).toEqual([
      'resource/network-bandwidth',
      'os/linux/capabilities-retain-set',
      'os/linux/seccomp-remove-set',
      'resource/memory',
    ]);
    expect(isolators.at(-1).value).toEqual({ limit: '32Mi' });
  });
});

describe('control groups', () => {
  test('have what options ask for, as long as the pod runs', async () => {
    const options = ['--memory=32Mi', '--cpu=500m', '--pids-limit=77', '--oom-score-adj=123'];
    const script = 'cat /proc/self/oom_score_adj; echo up; read line';
    const pod = host.start(['run', calls, ...options, '--exec=/bin/sh', '--', '-c', script]);
    await pod.prints(/up/);
    const [uuid = ''] = host.uuids();
    const read = (controller: string, file: string, app = 'calls/') =>
      readFileSync(join(hierarchyOf(controller), podScope(uuid), `${app}${file}`), 'utf8').trim();
    expect(read('memory', byVersion('memory.limit_in_bytes', 'memory.max'))).toBe(String(32 << 20));
    expect(read('cpu', byVersion('cpu.cfs_quota_us', 'cpu.max'))).toBe(byVersion('50000', '50000 100000'));
    for (const app of ['calls/', ''])
      expect(read('cpu', byVersion('cpu.shares', 'cpu.weight'), app)).toBe(byVersion('512', '59'));
    expect(read('pids', 'pids.max')).toBe('77');
    expect(pod.stdout).toBe('123\nup\n');
    pod.child.stdin?.end('\n');
    expect((await pod.ended).status).toBe(0);
  });

  test('limit disks, as far as the version of control groups can', async () => {
    const file = join(host.dir, 'slow.aci');
    await makeImage({
      name: 'example.com/slow',
      exec: ['/bin/sh', '-c', 'echo up; read line'],
      output: file,
      app: { isolators: [{ name: 'resource/block-bandwidth', value: { default: true, limit: '2M' } }] },
    });
    const pod = host.start(['-insecure-skip-verify', 'run', file]);
    await pod.prints(/up/);
    const [uuid = ''] = host.uuids();
    const group = join(hierarchyOf('blkio'), podScope(uuid), 'slow');
    const set = readFileSync(join(group, byVersion('blkio.throttle.write_bps_device', 'io.max')), 'utf8');
    expect(set).toMatch(
      byVersion(/^(\d+:\d+ 2000000\n)+$/, /^(\d+:\d+ rbps=2000000 wbps=2000000 riops=max wiops=max\n)+$/),
    );
    const weaker =
      'isolator resource/block-bandwidth has another effect: writes that the kernel buffers are not limited on cgroup v1';
    expect(pod.stderr.includes(weaker)).toBe(!isUnified);
    pod.child.stdin?.end('\n');
    await pod.ended;
  });
});
