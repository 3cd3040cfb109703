import { existsSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parsePodManifest } from '../../../../runtime/appc/pod-manifest.ts';
import { quiet } from '../../../../runtime/base/log.ts';
import type { CgroupHierarchy } from '../../../../runtime/stage1/cgroups.ts';
import { type IsolationSettings, isolatePod } from '../../../../runtime/stage1/isolation/isolate.ts';

type Isolators = readonly (readonly [name: string, value: unknown])[];

const listOf = (isolators: Isolators): object[] => isolators.map(([name, value]) => ({ name, value }));

function podOf(app: Isolators, pod: Isolators = []) {
  const image = { name: 'example.com/web', id: `sha512-${'0'.repeat(128)}` };
  return parsePodManifest(
    JSON.stringify({
      acKind: 'PodManifest',
      acVersion: '0.8.11',
      apps: [{ name: 'web', image, app: { exec: ['/a'], user: '0', group: '0', isolators: listOf(app) } }],
      isolators: listOf(pod),
    }),
  );
}

const usual: IsolationSettings = { allCapabilities: false, noSeccomp: false, ownNetwork: false, ownIpc: true };

async function isolate(app: Isolators, pod: Isolators = [], settings: Partial<IsolationSettings> = {}) {
  const said: string[] = [];
  const log = { ...quiet, warn: (message: string) => said.push(message) };
  const isolation = await isolatePod(podOf(app, pod), { ...usual, ...settings }, log);
  return { isolation, web: isolation.apps.get('web'), said };
}

const outcome = async (name: string, value: unknown, settings: Partial<IsolationSettings> = {}) =>
  (await isolate([[name, value]], [], settings)).web?.outcomes.find(({ isolator }) => isolator === name);

describe('isolators of an app', () => {
  test.each([
    ['os/linux/capabilities-retain-set', { set: ['CAP_CHOWN'] }],
    ['os/linux/no-new-privileges', true],
    ['os/linux/oom-score-adj', 100],
    ['os/linux/seccomp-remove-set', { set: ['mount'] }],
    ['os/linux/seccomp-retain-set', { set: ['@appc.io/all'] }],
  ])('%s is enforced and nothing is said', async (name, value) => {
    expect((await isolate([[name, value]])).said).toEqual([]);
    expect(await outcome(name, value)).toEqual({ isolator: name, outcome: 'enforced' });
  });

  test.each([
    ['resource/network-bandwidth', { default: true, limit: '1G' }, 'rkt does not limit network traffic'],
    ['os/unix/sysctl', { 'net.core.somaxconn': '1' }, 'it is for pods, not for apps'],
    ['example.com/unknown', {}, 'rkt does not know it'],
  ])('%s has no effect, which is said and recorded', async (name, value, detail) => {
    expect((await isolate([[name, value]])).said).toEqual([`app "web": isolator ${name} has no effect: ${detail}`]);
    expect(await outcome(name, value)).toEqual({ isolator: name, outcome: 'ignored', detail });
  });

  test('a waived filter is no filter', async () => {
    const set: Isolators = [['os/linux/seccomp-retain-set', { set: ['read'] }]];
    expect((await isolate(set, [], { noSeccomp: true })).web?.seccomp).toBeUndefined();
    expect((await isolate(set, [], { noSeccomp: true })).said).toEqual([
      'app "web": isolator os/linux/seccomp-retain-set has no effect: waived by --insecure-options=seccomp',
    ]);
    expect((await isolate(set)).web?.seccomp).toBeDefined();
  });

  test('a filter that cannot be understood is a reason not to run, whichever app it is of', async () => {
    await expect(isolate([['os/linux/seccomp-retain-set', { set: ['sockets'] }]])).rejects.toMatchObject({
      message: 'app "web": seccomp: there is no system call "sockets"',
      hint: 'did you mean "socket"?',
      code: 'EISOLATOR',
    });
  });

  test('a profile that is not there must not be ignored; labels only where the host has none', async () => {
    await expect(outcome('os/linux/apparmor-profile', { profile: 'p' })).rejects.toMatchObject({
      message: 'app "web": isolator os/linux/apparmor-profile cannot be enforced: rkt cannot apply AppArmor profiles',
      code: 'EISOLATOR',
    });
    const label = { user: 'u', role: 'r', type: 't', level: 's0' };
    if (existsSync('/sys/fs/selinux/enforce')) {
      await expect(outcome('os/linux/selinux-context', label)).rejects.toMatchObject({ code: 'EISOLATOR' });
    } else {
      expect(await outcome('os/linux/selinux-context', label)).toMatchObject({ outcome: 'ignored' });
    }
  });

  test('the score is read', async () => {
    expect((await isolate([['os/linux/oom-score-adj', -5]])).web?.oomScoreAdj).toBe(-5);
    expect((await isolate([])).web?.oomScoreAdj).toBeUndefined();
  });
});

describe('an app that says nothing', () => {
  test('has the defaults, of which nothing is said', async () => {
    const { web, said } = await isolate([]);
    expect(said).toEqual([]);
    expect(web?.seccomp).toBeDefined();
    expect(web?.outcomes.map(({ detail }) => detail)).toEqual([
      '14 capabilities',
      '@rkt/default-whitelist',
      expect.any(String),
    ]);
  });

  test('has what the user waives no longer, which is recorded', async () => {
    const { web, said } = await isolate([], [], { noSeccomp: true, allCapabilities: true });
    expect([web?.seccomp, said]).toEqual([undefined, []]);
    expect(web?.outcomes.slice(0, 2)).toEqual([
      {
        isolator: 'os/linux/capabilities-retain-set',
        outcome: 'ignored',
        detail: 'waived by --insecure-options=capabilities',
        byDefault: true,
      },
      {
        isolator: 'os/linux/seccomp-retain-set',
        outcome: 'ignored',
        detail: 'waived by --insecure-options=seccomp',
        byDefault: true,
      },
    ]);
  });
});

describe('control groups', () => {
  const v2: CgroupHierarchy = { mount: '/cg', version: 2, controllers: ['cpu', 'memory', 'pids'] };
  const bounded = podOf(
    [
      ['resource/cpu', { limit: '4' }],
      ['resource/memory', { limit: '1Gi', request: '512Mi' }],
    ],
    [
      ['resource/cpu', { limit: '2' }],
      ['os/linux/pids-limit', 100],
    ],
  );
  const said: string[] = [];
  const log = { ...quiet, warn: (message: string) => said.push(message) };

  test('v2: the pod’s bounds, then the controllers for its apps, then theirs, within the pod’s', async () => {
    const { hierarchies } = await isolatePod(bounded, usual, log, [v2]);
    expect(hierarchies).toEqual([
      {
        hierarchy: v2,
        settings: {
          writes: [
            ['cpu.weight', '174'],
            ['cpu.max', '200000 100000'],
            ['memory.low', '536870912'],
            ['pids.max', '100'],
            ['cgroup.subtree_control', '+cpu +memory +pids'],
            ['web/cpu.weight', '174'],
            ['web/cpu.max', '200000 100000'],
            ['web/memory.max', '1073741824'],
            ['web/memory.low', '536870912'],
            ['web/pids.max', '100'],
          ],
          tries: [['web/memory.swap.max', '0']],
        },
      },
    ]);
    expect(said).toEqual(['app "web": isolator resource/cpu has another effect: it is no more than the pod may have']);
  });

  test('a unified hierarchy whose controllers are elsewhere gets nothing; what nobody carries out is said', async () => {
    said.length = 0;
    const { hierarchies, apps } = await isolatePod(bounded, usual, log, [{ ...v2, controllers: [] }]);
    expect(hierarchies.map(({ settings }) => settings)).toEqual([{ writes: [], tries: [] }]);
    expect(said).toEqual([
      'app "web": isolator resource/cpu has no effect: the host has no cpu controller',
      'app "web": isolator resource/memory has no effect: the host has no memory controller',
      'isolator resource/cpu has no effect: the host has no cpu controller',
      'isolator os/linux/pids-limit has no effect: the host has no pids controller',
    ]);
    expect(apps.get('web')?.outcomes.at(-1)).toEqual({
      isolator: 'os/linux/pids-limit',
      outcome: 'ignored',
      detail: 'the host has no pids controller',
      byDefault: true,
    });
  });
});

describe('isolators of a pod', () => {
  test('that are for apps have no effect', async () => {
    const { said } = await isolate([], [['os/linux/no-new-privileges', true]]);
    expect(said).toEqual(['isolator os/linux/no-new-privileges has no effect: it is for apps, not for pods']);
  });

  test('kernel parameters of the pod’s own namespaces are set, others are a reason not to run', async () => {
    const sysctl = (name: string): Isolators => [['os/unix/sysctl', { [name]: '1' }]];
    expect((await isolate([], sysctl('kernel.shmmni'))).isolation.sysctls).toEqual({ 'kernel.shmmni': '1' });
    expect((await isolate([], sysctl('net.ipv4.tcp_mtu_probing'), { ownNetwork: true })).isolation.sysctls).toEqual({
      'net.ipv4.tcp_mtu_probing': '1',
    });
    await expect(isolate([], sysctl('net.ipv4.tcp_mtu_probing'))).rejects.toMatchObject({
      message:
        'isolator os/unix/sysctl: the kernel parameter "net.ipv4.tcp_mtu_probing" is one of the host, whose network the pod shares',
      hint: 'give the pod a network of its own with --private-net',
    });
    await expect(isolate([], sysctl('kernel.panic'))).rejects.toMatchObject({
      message: 'isolator os/unix/sysctl: the kernel parameter "kernel.panic" is one of the whole host',
    });
    await expect(isolate([], sysctl('net../kernel.panic'), { ownNetwork: true })).rejects.toMatchObject({
      message: 'isolator os/unix/sysctl: the kernel parameter "net../kernel.panic" is not the name of one',
    });
    await expect(isolate([], sysctl('fs.mqueue.msg_max'), { ownIpc: false })).rejects.toMatchObject({
      code: 'EISOLATOR',
    });
  });
});
