/** What an app finds around it: file systems, devices, identity, environment, and what it cannot get at. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { commonDevices, deviceFilter } from '../../../runtime/stage1/devices.ts';
import { defaultCapabilities, TestPod } from './harness.ts';

let pod: TestPod;
beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

const output = async (...args: Parameters<TestPod['script']>): Promise<string> => {
  const { code, stdout, stderr } = await pod.script(...args);
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
};

describe('file systems', () => {
  test('are those of the OS spec, and none that can be written to allows devices', async () => {
    const lines = (await output('cat /proc/self/mountinfo')).trim().split('\n');
    const mounts = lines.map((line) => {
      const [, , , from, at, options, ...rest] = line.split(' ');
      return { from, at, options: options as string, type: rest[rest.indexOf('-') + 1] };
    });
    const nodes = ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'console'].map((name) => `/dev/${name}`);
    expect(mounts.map(({ at, type }) => `${at} ${type}`).sort()).toEqual(
      [
        ...nodes.map((node) => `${node} tmpfs`),
        '/ overlay',
        '/dev tmpfs',
        '/dev/mqueue mqueue',
        '/dev/pts devpts',
        '/dev/shm tmpfs',
        '/proc proc',
        '/sys sysfs',
        '/sys/fs/cgroup tmpfs',
      ].sort(),
    );
    for (const mount of mounts) {
      const harmless = nodes.includes(mount.at as string) || mount.type === 'devpts';
      expect([mount.at, harmless || mount.options.includes('nodev')]).toEqual([mount.at, true]);
    }
    // The mount table names no path of the host.
    expect(lines.join('\n')).not.toContain(pod.dir);
  });

  test('/dev has working nodes', async () => {
    expect(
      await output(`
        cd /dev; stat -c '%n %t:%T %a' null zero full random urandom tty console
        for l in ptmx fd stdin stdout stderr; do readlink $l; done; stat -c '%a' shm; echo x > null; head -c 3 zero | wc -c
        echo x > full 2>/tmp/error || cat /tmp/error; head -c 8 urandom | wc -c; test -c pts/ptmx && echo pts`),
    ).toBe(
      'null 1:3 666\nzero 1:5 666\nfull 1:7 666\nrandom 1:8 666\nurandom 1:9 666\ntty 5:0 666\nconsole 1:3 666\n' +
        'pts/ptmx\n/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n1777\n3\n' +
        '/bin/sh: write error: No space left on device\n8\npts\n'.replace('/bin/sh: ', 'sh: '),
    );
  });

  test('/sys and /sys/fs/cgroup are read-only', async () => {
    const { stderr } = await pod.script(
      'mkdir /sys/fs/cgroup/x; echo 1 > /sys/kernel/mm/ksm/run; ls -A /sys/fs/cgroup',
    );
    expect(stderr).toContain("mkdir: can't create directory '/sys/fs/cgroup/x': Read-only file system");
    expect(stderr.match(/Read-only file system/g)?.length).toBeGreaterThanOrEqual(1);
  });

  test('the image is not changed by what the app writes', async () => {
    expect(await output('echo x > /new; rm /bin/true; cat /new')).toBe('x\n');
    expect(existsSync(join(pod.image, 'new'))).toBe(false);
    expect(existsSync(join(pod.image, 'bin', 'true'))).toBe(true);
  });

  test('layers: the topmost wins, all show', async () => {
    const above = pod.directory('above');
    const below = pod.directory('below');
    writeFileSync(join(above, 'both'), 'above');
    writeFileSync(join(below, 'both'), 'below');
    writeFileSync(join(below, 'deep'), 'deep');
    const upper = { dir: pod.directory('u'), work: pod.directory('w') };
    const root = { lowers: [above, pod.image, below], upper };
    expect(await output('cat /both /deep', { root })).toBe('abovedeep');
  });

  test.each([
    ['one layer', false],
    ['two layers', true],
  ])('without an upper directory the root is read-only: %s', async (_, two) => {
    for (const name of ['proc', 'sys', 'dev']) mkdirSync(join(pod.image, name));
    const root = { lowers: two ? [pod.directory('other'), pod.image] : [pod.image] };
    const { stdout, stderr } = await pod.script('echo x > /new; echo y > /dev/shm/new; cat /dev/shm/new', { root });
    expect(stdout).toBe('y\n');
    expect(stderr).toBe("sh: can't create /new: Read-only file system\n".replace('sh', '/bin/sh'));
  });

  test('a read-only root without mount points is refused', async () => {
    const { code, stderr } = await pod.script('true', { root: { lowers: [pod.image] } });
    expect([code, stderr]).toEqual([
      254,
      'rkt: app "app": mounting /proc: the root filesystem is read-only and has no such directory\n',
    ]);
  });

  test('ROOT_READONLY with an upper directory: read-only for the app, mount points made', async () => {
    const upper = { dir: pod.directory('u'), work: pod.directory('w') };
    const { stderr } = await pod.script('echo x > /new', { root: { lowers: [pod.image], upper, readOnly: true } });
    expect(stderr).toContain("can't create /new: Read-only file system");
  });

  test('files are made with their mode, unless something is there', async () => {
    writeFileSync(join(pod.image, 'etc', 'hosts'), 'mine\n');
    symlinkSync('/nowhere', join(pod.image, 'etc', 'dangling'));
    const files = [
      { path: '/etc/hosts', mode: 0o644, data: 'yours\n' },
      { path: '/etc/dangling', mode: 0o644, data: 'yours\n' },
      { path: '/new/dir/file', mode: 0o640, data: 'data\n' },
    ];
    expect(
      await output('cat /etc/hosts /new/dir/file; stat -c %a /new/dir/file /new; test -e /nowhere || echo gone', {
        files,
      }),
    ).toBe('mine\ndata\n640\n755\ngone\n');
  });
});

describe('files that replace what is there', () => {
  const put = (replace: 'always' | 'if-empty', ...names: string[]) => ({
    files: names.map((name) => ({ path: `/etc/${name}`, mode: 0o644, data: `new ${name}\n`, replace })),
  });
  const etc = (name: string): string => join(pod.image, 'etc', name);
  beforeEach(() => {
    writeFileSync(etc('full'), 'mine\n');
    writeFileSync(etc('empty'), '');
    symlinkSync('/etc/full', etc('to-full'));
    symlinkSync('/etc/empty', etc('to-empty'));
    symlinkSync('/nowhere', etc('dangling'));
    symlinkSync('circle', etc('circle'));
  });
  const names = ['full', 'empty', 'to-full', 'to-empty', 'dangling', 'circle', 'missing'];
  const show = `cd /etc; for f in ${names.join(' ')}; do test -L $f && echo link; cat $f; done; test -e /nowhere || echo gone`;

  test('always: a link goes, what it leads to stays', async () => {
    const replaced = names.filter((name) => name !== 'full' && name !== 'empty');
    expect(await output(`${show}; cat full`, put('always', ...replaced))).toBe(
      `mine\n${replaced.map((name) => `new ${name}\n`).join('')}gone\nmine\n`,
    );
    expect(readFileSync(etc('full'), 'utf8')).toBe('mine\n');
  });

  test('only what is empty, or a link to nothing', async () => {
    expect(await output(show, put('if-empty', ...names))).toBe(
      'mine\nnew empty\nlink\nmine\nlink\nnew empty\nnew dangling\nnew circle\nnew missing\ngone\n',
    );
  });

  test('a directory in its place is an error where the file must be there', async () => {
    mkdirSync(etc('missing'));
    const { code, stderr } = await pod.script('true', put('always', 'missing'));
    expect([code, stderr]).toEqual([
      254,
      'rkt: app "app": replacing /etc/missing in the root filesystem: Is a directory\n',
    ]);
    expect(await output('test -d /etc/missing && echo kept', { name: 'b', ...put('if-empty', 'missing') })).toBe(
      'kept\n',
    );
  });
});

describe('directories', () => {
  test('are made with their parents where they are missing, inside the root', async () => {
    symlinkSync('../../../../outside', join(pod.image, 'link'));
    mkdirSync(join(pod.image, 'outside'));
    const directories = ['/srv/a/b', '/etc', '/link/in'];
    expect(await output('stat -c "%a %u %n" /srv/a/b /outside/in', { directories, cwd: '/srv/a/b' })).toBe(
      '755 0 /srv/a/b\n755 0 /outside/in\n',
    );
    expect(existsSync('/outside')).toBe(false);
  });

  test('are left out where the image has no place for them', async () => {
    const { code, stderr } = await pod.script('true', { directories: ['/bin/busybox/x'], cwd: '/bin/busybox/x' });
    expect([code, stderr]).toEqual([
      254,
      'rkt: app "app": entering the working directory /bin/busybox/x: Not a directory\n',
    ]);
  });
});

describe('files for which the image has no place', () => {
  const files = [{ path: '/etc/hosts', mode: 0o644, data: 'yours\n' }];
  const layouts: [string, (etc: string) => void, string][] = [
    ['a file', (etc) => writeFileSync(etc, 'mine\n'), 'Not a directory'],
    [
      'a link that leads nowhere',
      (etc) => symlinkSync('/nowhere', etc),
      'making /etc in the root filesystem: it is a symbolic link that leads nowhere',
    ],
    ['a circle of links', (etc) => symlinkSync('etc', etc), 'Too many levels of symbolic links'],
  ];
  test.each(layouts)('are left out: /etc is %s', async (_, make, reason) => {
    const etc = join(pod.image, 'etc');
    rmSync(etc, { recursive: true });
    make(etc);
    const app = { files: [...files, { path: '/made', mode: 0o600, data: 'data\n' }] };
    const { code, stdout, stderr } = await pod.script('cat /made; test -e /nowhere || echo gone', app, { debug: true });
    expect([code, stdout]).toEqual([0, 'data\ngone\n']);
    const told = stderr.split('\n').filter((line) => line.includes('without /etc/hosts'));
    expect(told).toEqual([expect.stringMatching(/^rkt: debug: app "app": without \/etc\/hosts: making \/etc/)]);
    expect(told[0]).toContain(reason);
  });

  test('other errors are errors', async () => {
    const { code, stderr } = await pod.script('true', { files, root: { lowers: [pod.image] } });
    expect([code, stderr]).toEqual([
      254,
      'rkt: app "app": making /etc/hosts in the root filesystem: Read-only file system\n',
    ]);
  });
});

describe('devices', () => {
  test('a node that an app makes cannot be opened, wherever it is made', async () => {
    const volume = pod.directory('volume');
    const places = ['/', '/dev/', '/tmp/', '/dev/shm/', '/volume/'];
    const script = places
      .map(
        (place) =>
          `mknod ${place}disk b 1 0 && mknod ${place}mem c 1 1; cat ${place}disk; cat ${place}mem; echo x > ${place}mem`,
      )
      .join('\n');
    const { stderr } = await pod.script(script, { mounts: [{ source: volume, target: '/volume' }] });
    for (const place of places) {
      expect(stderr).toContain(`cat: can't open '${place}disk': Permission denied`);
      expect(stderr).toContain(`cat: can't open '${place}mem': Permission denied`);
      expect(stderr).toContain(`can't create ${place}mem: Permission denied`);
    }
    expect(stderr.match(/\n/g)).toHaveLength(places.length * 3);
  });
});

describe('a device filter on the unified hierarchy', () => {
  const rule = { type: 'c', major: 1, minor: 5, access: 'r' } as const;
  const only = [...commonDevices.filter(({ minor }) => minor !== 5), rule];

  test('decides what can be opened, for the app and what it starts', async () => {
    const script = `head -c 2 /dev/zero | wc -c; echo x > /dev/zero; echo y > /dev/null && echo null
      mount -t tmpfs none /tmp; mknod /tmp/mem c 1 1 && cat /tmp/mem; rm /bin/true && echo removed`;
    const app = { deviceFilter: deviceFilter(only), capsBounding: (1n << 41n) - 1n };
    const { stdout, stderr } = await pod.script(script, app);
    expect(stdout).toBe('2\nnull\nremoved\n');
    expect(stderr).toBe(
      "/bin/sh: can't create /dev/zero: Operation not permitted\ncat: can't open '/tmp/mem': Operation not permitted\n",
    );
  });

  test('that the kernel does not take is an error', async () => {
    const { code, stderr } = await pod.script('true', { deviceFilter: new Uint8Array(8) });
    expect([code, stderr]).toEqual([254, 'rkt: loading a device filter: Invalid argument\n']);
  });
});

describe('protected paths', () => {
  test('files and directories are masked, paths made read-only, missing ones skipped', async () => {
    mkdirSync(join(pod.image, 'secret'));
    writeFileSync(join(pod.image, 'secret', 'key'), 'x');
    writeFileSync(join(pod.image, 'etc', 'fixed'), 'x');
    const app = {
      maskPaths: ['/proc/timer_list', '/secret', '/proc/no/such', '/proc/version/x'],
      readonlyPaths: ['/proc/sys', '/etc/fixed', '/no/such'],
    };
    const script = `stat -c '%t:%T' /proc/timer_list; ls -A /secret; cat /proc/timer_list
      touch /secret/x 2>&1; (echo 1 > /proc/sys/kernel/printk) 2>&1; (echo h > /etc/fixed) 2>&1; true`;
    expect(await output(script, app)).toBe(
      '1:3\ntouch: /secret/x: Read-only file system\n' +
        "/bin/sh: can't create /proc/sys/kernel/printk: Read-only file system\n" +
        "/bin/sh: can't create /etc/fixed: Read-only file system\n",
    );
  });

  test.each(['maskPaths', 'readonlyPaths'] as const)('a symbolic link is refused: %s', async (kind) => {
    symlinkSync('/etc', join(pod.image, 'link'));
    mkdirSync(join(pod.image, 'etc', 'sub'));
    for (const path of ['/link', '/link/sub']) {
      const { code, stderr } = await new Promise<Awaited<ReturnType<TestPod['script']>>>((resolve, reject) => {
        pod.script('true', { [kind]: [path] }).then(resolve, reject);
      });
      expect([code, stderr]).toEqual([
        254,
        `rkt: app "app": protecting ${path}: it is a symbolic link in the image, or has one among its directories\n`,
      ]);
    }
  });

  test.each(['proc', 'sys', 'dev'])('/%s as a symbolic link in the image is refused', async (name) => {
    symlinkSync('/tmp', join(pod.image, name));
    const { code, stderr } = await pod.script('true');
    expect([code, stderr]).toEqual([254, `rkt: app "app": mounting /${name}: it is a symbolic link in the image\n`]);
  });
});

describe('identity', () => {
  const capabilities = (script = ''): string =>
    `${script}grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status | tr -d '\\t'`;
  const hex = (set: bigint): string => set.toString(16).padStart(16, '0');

  test('root has the bounding set and nothing inheritable or ambient', async () => {
    const set = hex(defaultCapabilities);
    expect(await output(capabilities())).toBe(
      `CapInh:${hex(0n)}\nCapPrm:${set}\nCapEff:${set}\nCapBnd:${set}\nCapAmb:${hex(0n)}\nNoNewPrivs:0\nSeccomp:0\n`,
    );
  });

  test('another user holds none, and cannot get more than the bounding set', async () => {
    const app = { uid: 1000, gid: 1000, noNewPrivs: true };
    expect(await output(capabilities(), app)).toBe(
      `CapInh:${hex(0n)}\nCapPrm:${hex(0n)}\nCapEff:${hex(0n)}\nCapBnd:${hex(defaultCapabilities)}\nCapAmb:${hex(0n)}\nNoNewPrivs:1\nSeccomp:0\n`,
    );
  });

  test('user, group, supplementary groups', async () => {
    const script = "grep -E '^(Uid|Gid|Groups)' /proc/self/status | tr '\\t' ' '";
    expect(await output(script, { uid: 1000, gid: 1001, supplementaryGids: [5, 6] })).toBe(
      'Uid: 1000 1000 1000 1000\nGid: 1001 1001 1001 1001\nGroups: 5 6 \n',
    );
    expect(await output(script, { name: 'other' })).toBe('Uid: 0 0 0 0\nGid: 0 0 0 0\nGroups:  \n');
  });

  test('only descriptors 0 to 2, of an own session', async () => {
    const outcome = pod.start(
      pod.plan([pod.app({ args: ['/bin/sh', '-c', 'ls /proc/$$/fd; cut -d" " -f1,6 /proc/$$/stat'] })]),
      {
        stdio: ['ignore', 'pipe', 'pipe', pod.lockFd, pod.lockFd, 'pipe', pod.lockFd],
      },
    );
    expect((await outcome.ended).stdout).toBe('0\n1\n2\n2 2\n');
  });

  test.each([true, false])('a system call filter is in force, no_new_privs %s', async (noNewPrivs) => {
    for (const uid of [0, 1000]) {
      const name = `u${uid}`;
      const { stdout, stderr } = await pod.script('mkdir /tmp/x; grep Seccomp: /proc/self/status; id -u', {
        name,
        uid,
        gid: uid,
        noNewPrivs,
        seccomp: denyMkdir(),
      });
      expect([stdout, stderr]).toEqual([
        `Seccomp:\t2\n${uid}\n`,
        "mkdir: can't create directory '/tmp/x': Inappropriate ioctl for device\n",
      ]);
    }
  });

  test('a filter that forbids all but execve still yields a clear error', async () => {
    const { code, stderr } = await pod.run(pod.app({ args: ['/bin/nope'], noNewPrivs: true, seccomp: onlyExecve() }));
    expect([code, stderr]).toEqual([254, 'rkt: app "app": executing "/bin/nope": No such file or directory\n']);
  });

  test('limits, umask, OOM score', async () => {
    const app = { rlimits: [{ resource: 7, soft: 100n, hard: 200n }], umask: 0o77, oomScoreAdj: 300 };
    expect(await output('ulimit -S -n; ulimit -H -n; umask; cat /proc/self/oom_score_adj', app)).toBe(
      '100\n200\n0077\n300\n',
    );
  });
});

describe('environment', () => {
  test('is exactly the plan’s', async () => {
    const app = pod.app({ args: ['/bin/env'], env: { PATH: '/bin', A: '', B: 'x=y', 'odd.name': 'line\nbreak' } });
    expect((await pod.run(app)).stdout).toBe('PATH=/bin\nA=\nB=x=y\nodd.name=line\nbreak\n');
  });

  test('working directory', async () => {
    mkdirSync(join(pod.image, 'srv', 'data'), { recursive: true });
    symlinkSync('/srv/data', join(pod.image, 'link'));
    expect(await output('pwd -P', { cwd: '/link' })).toBe('/srv/data\n');
  });

  test.each(['/proc/self', '/proc/self/fd', '/proc/1'])('working directory %s is refused', async (cwd) => {
    const { code, stderr } = await pod.script('true', { cwd });
    expect([code, stderr]).toEqual([254, `rkt: app "app": entering the working directory ${cwd}: it lies in /proc\n`]);
  });

  test('a working directory that a leaked descriptor would reach is not there', async () => {
    for (const number of [3, 4, 5, 6, 7, 8, 9]) {
      const { code, stderr } = await pod.script('true', { cwd: `/proc/self/fd/${number}`, name: `n${number}` });
      expect(code).toBe(254);
      expect(stderr).toMatch(
        /entering the working directory \/proc\/self\/fd\/\d: (No such file or directory|Not a directory)\n$/,
      );
    }
  });

  test('a program is looked up along PATH of the environment', async () => {
    mkdirSync(join(pod.image, 'opt'));
    writeFileSync(join(pod.image, 'opt', 'tool'), '#!/bin/sh\necho opt $0\n', { mode: 0o755 });
    mkdirSync(join(pod.image, 'sub'));
    writeFileSync(join(pod.image, 'sub', 'tool'), 'not executable', { mode: 0o644 });
    const found = await pod.run(pod.app({ args: ['tool'], env: { PATH: '/nope:/bin/sh:/sub:/opt' } }));
    expect(found.stdout).toBe('opt /opt/tool\n');
    const denied = await pod.run(pod.app({ name: 'b', args: ['tool'], env: { PATH: '/sub:/bin' } }));
    expect(denied.stderr).toBe('rkt: app "b": executing "tool": Permission denied\n');
    const here = await pod.run(pod.app({ name: 'c', args: ['tool'], env: {}, cwd: '/opt' }));
    expect(here.stdout).toBe('opt ./tool\n');
    const standard = await pod.run(pod.app({ name: 'd', args: ['hostname'], env: {} }));
    expect(standard.stdout).toBe('rkt-test\n');
  });

  test('standard input can be nobody’s', async () => {
    const run = pod.start(pod.plan([pod.app({ script: 'cat; readlink /proc/self/fd/0', stdin: 'null' })]), {
      stdio: [openSync('/etc/passwd', 'r'), 'pipe', 'pipe', pod.lockFd],
    });
    expect((await run.ended).stdout).toBe('/dev/null\n');
  });

  test('a terminal on standard input is /dev/console', async () => {
    pod.write(pod.plan([pod.app()]));
    const script = 'stat -c %t /dev/console; test /dev/console -ef /proc/self/fd/0 && echo same';
    const run = pod.start(pod.plan([pod.app({ script })]), {
      // script(1) gives its command a terminal.
      wrapper: ['sh', '-c', 'exec script -qec "exec $1 $4" /dev/null', 'sh'],
    });
    expect((await run.ended).stdout).toBe('88\r\nsame\r\n');
  });

  test('handlers run before and after, in the app’s root and with its identity', async () => {
    const log = pod.directory('log');
    const outcome = await pod.script('echo app $(ls /made) >> /log/log; exit 3', {
      preStart: [
        'sh',
        '-c',
        'echo pre $(id -u) $(grep -c :/machine /proc/self/cgroup) >> /log/log; mkdir /made; touch /made/it',
      ],
      postStop: ['sh', '-c', 'echo post $(id -u) $(ls /made) >> /log/log'],
      mounts: [{ source: log, target: '/log' }],
    });
    expect(outcome).toEqual({ code: 3, stdout: '', stderr: '' });
    expect(readFileSync(join(log, 'log'), 'utf8')).toBe(`pre 0 ${pod.cgroups.length}\napp it\npost 0 it\n`);
  });
});

describe('apps of one pod', () => {
  test('share PID, network, IPC and UTS namespaces, and /dev/shm, but not mounts', async () => {
    const share = pod.directory('share');
    const mounts = [{ source: share, target: '/share' }];
    const script = (self: string, other: string): string => `
      for n in pid net ipc uts mnt; do readlink /proc/self/ns/$n; done > /share/${self}.new; mv /share/${self}.new /share/${self}
      echo ${self} > /dev/shm/${self}
      while ! test -s /share/${other} || ! test -s /dev/shm/${other}; do sleep 0.01; done; hostname`;
    const { code, stdout } = await pod.run([
      pod.app({ name: 'a', script: script('a', 'b'), mounts }),
      pod.app({ name: 'b', script: script('b', 'a'), mounts }),
    ]);
    expect([code, stdout]).toEqual([0, 'rkt-test\nrkt-test\n']);
    const [a, b] = ['a', 'b'].map((name) => readFileSync(join(share, name), 'utf8').trim().split('\n'));
    expect(a?.slice(0, 4)).toEqual(b?.slice(0, 4));
    expect(a?.[4]).not.toBe(b?.[4]);
    const host = ['pid', 'net', 'ipc', 'uts'].map((name) =>
      spawnSync('readlink', [`/proc/self/ns/${name}`], { encoding: 'utf8' }).stdout.trim(),
    );
    expect(a?.map((name, index) => name === host[index])).toEqual([false, true, false, false, false]);
  });
});

describe('the host’s executable (CVE-2019-5736)', () => {
  test('is neither run nor opened for writing by way of /proc', async () => {
    // As `rkt run` does, the test executes a copy that lies on a mount of its own; here it is enough that it stays as it is.
    const script = 'for p in 1 $PPID; do (echo x >> /proc/$p/exe) 2>&1; cat /proc/$p/exe 2>&1 | head -c 60; done; true';
    expect(await output(script)).not.toContain('ELF');
    const self = await pod.run(pod.app({ name: 'self', args: ['/proc/self/exe'] }));
    expect(self.code).toBe(254);
    expect(self.stderr).not.toBe('');
  });
});

const statement = (code: number, jt: number, jf: number, k: number): Buffer => {
  const data = Buffer.alloc(8);
  data.writeUInt16LE(code);
  data.writeUInt8(jt, 2);
  data.writeUInt8(jf, 3);
  data.writeUInt32LE(k >>> 0, 4);
  return data;
};
/** LD nr; JEQ number: then `then`, else `otherwise`. */
const filter = (numbers: number[], then: number, otherwise: number): Buffer =>
  Buffer.concat([
    statement(0x20, 0, 0, 0),
    ...numbers.map((number, index) => statement(0x15, numbers.length - index, 0, number)),
    statement(0x06, 0, 0, otherwise),
    statement(0x06, 0, 0, then),
  ]);
const arm = process.arch === 'arm64';
/** ENOTTY, which nothing else would give. */
const denyMkdir = (): Buffer => filter(arm ? [34] : [83, 258], 0x00050000 | 25, 0x7fff0000);
const onlyExecve = (): Buffer => filter([arm ? 221 : 59], 0x7fff0000, 0x00050000 | 1);
