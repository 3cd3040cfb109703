import type { LaunchPlan } from '../../../runtime/stage1/plan.ts';

/** A plan in which every kind of record stands at least once. */
export const examplePlan: LaunchPlan = {
  uuid: '6733c088-a507-4694-aabf-aeb7b3e0f3c1',
  hostname: 'rkt-example',
  podDir: '/var/lib/rkt/pods/run/6733c088-a507-4694-aabf-aeb7b3e0f3c1',
  lockFd: 10,
  leaseFd: 11,
  netns: '/run/rkt/netns/6733c088-a507-4694-aabf-aeb7b3e0f3c1',
  stopTimeoutMs: 5000,
  debug: true,
  nullStdin: true,
  sysctls: { 'net.core.somaxconn': '1024', 'kernel.shmmax': '65536' },
  cgroups: [{ dir: '/sys/fs/cgroup/pids/example.scope', writes: [['pids.max', '100']] }],
  teardown: [
    { kind: 'umount', path: '/run/rkt/netns/x' },
    { kind: 'unlink', path: '/run/rkt/networks/default/172.16.28.1' },
  ],
  apps: [
    {
      name: 'web',
      root: { lowers: ['/images/a', '/images/b'], upper: { dir: '/upper', work: '/work' }, readOnly: true },
      args: ['/bin/web', '', '--verbose'],
      env: { PATH: '/bin', EMPTY: '' },
      cwd: '/srv',
      uid: 1000,
      gid: 1001,
      supplementaryGids: [5, 6],
      capsBounding: 0xa80425fbn,
      noNewPrivs: true,
      rlimits: [{ resource: 7, soft: 1024n, hard: 0xffffffffffffffffn }],
      mounts: [{ source: '/srv/data', target: '/data', readOnly: true, recursive: true, devices: true }],
      maskPaths: ['/proc/kcore'],
      readonlyPaths: ['/proc/sys'],
      files: [{ path: '/etc/hosts', mode: 0o644, data: '127.0.0.1 localhost\n' }],
      preStart: ['/bin/before'],
      postStop: ['/bin/after', 'x'],
      seccomp: new Uint8Array([6, 0, 0, 0, 0, 0, 0xff, 0x7f]),
      oomScoreAdj: -500,
      umask: 0o77,
    },
  ],
};
