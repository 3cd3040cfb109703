/**
 * Going into a hostile pod (CVE-2019-10144): who enters has the bounds of the app and no others, brings nothing of the host along, and
 * cannot be led elsewhere by what the app has put in its /dev.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { type Running, Sandbox } from '../../support/sandbox.ts';
import { addTerminalApplets, Terminal } from '../../support/terminal.ts';

let host: Sandbox;

beforeAll(async () => {
  host = await Sandbox.create();
  const isolators = [
    { name: 'os/linux/capabilities-retain-set', value: { set: ['CAP_KILL', 'CAP_CHOWN'] } },
    { name: 'os/linux/no-new-privileges', value: true },
  ];
  for (const [name, app] of [
    ['box', {}],
    ['wanderer', { workingDirectory: '/gone' }],
    ['bounded', { user: '1000', group: '1001', supplementaryGIDs: [1002], isolators }],
  ] as const) {
    const output = join(host.dir, `${name}.aci`);
    const prepare = (rootfs: string): void => {
      addTerminalApplets(rootfs);
      mkdirSync(join(rootfs, 'gone'));
    };
    await makeImage({ name: `example.com/${name}`, exec: ['/bin/sh'], output, app, prepare });
    host.ok(['-insecure-skip-verify', 'fetch', output]);
  }
});

afterAll(async () => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  await host.destroy();
});

/** Runs `work` while a pod runs a script, which has printed "up" by then. */
async function withPod(
  name: string,
  script: string,
  options: string[],
  work: (uuid: string, pod: Running) => void | Promise<void>,
): Promise<void> {
  const known = new Set(host.uuids());
  const run = [
    'run',
    ...options,
    `example.com/${name}`,
    '--exec',
    '/bin/sh',
    '--',
    '-c',
    `${script}; echo up; read line`,
  ];
  const pod = host.start(run);
  try {
    await pod.prints(/up\n/);
    await work(host.uuids().find((uuid) => !known.has(uuid)) as string, pod);
  } finally {
    pod.child.stdin?.end('\n');
    await pod.ended;
  }
}

describe('who enters', () => {
  const bounds =
    'grep -E "^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)" /proc/self/status; cat /proc/self/cgroup; ulimit -a';

  test('has the user, capabilities, filters, limits and cgroups of the app, in all three ways', async () => {
    await withPod('bounded', bounds, [], async (uuid, pod) => {
      const app = pod.stdout.replace(/up\n$/, '');
      expect(app).toMatch(/CapBnd:\t0000000000000021\n/);
      expect(app).toMatch(/NoNewPrivs:\t1\n/);
      expect(host.ok(['exec', uuid, 'sh', '-c', bounds])).toBe(app);
      expect(host.rkt(['enter', uuid], { input: `${bounds}\n` }).stdout).toBe(app);
      const terminal = Terminal.rkt(host, ['exec', uuid, 'sh', '-c', bounds]);
      expect((await terminal.over()).code).toBe(0);
      expect(terminal.stdout.replaceAll('\r\n', '\n')).toContain(app);
    });
  });

  test('and is root there by its own wish has the capabilities of the bounding set and nothing else, now or later', async () => {
    const identity = 'grep -E "^(Uid|Gid|Groups)" /proc/self/status; ';
    const capabilities = 'grep -E "^Cap" /proc/self/status';
    const rest = 'grep -E "^(NoNewPrivs|Seccomp)" /proc/self/status; cat /proc/self/cgroup; ulimit -a';
    await withPod('bounded', rest, [], async (uuid, pod) => {
      const root = ['exec', '--user=0', '--group=0'];
      expect(host.ok([...root, uuid, 'sh', '-c', identity])).toBe('Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t \n');
      const none = '0000000000000000';
      const bounds = '0000000000000021';
      expect(host.ok([...root, uuid, 'sh', '-c', capabilities])).toBe(
        `CapInh:\t${none}\nCapPrm:\t${bounds}\nCapEff:\t${bounds}\nCapBnd:\t${bounds}\nCapAmb:\t${none}\n`,
      );
      expect(host.ok([...root, uuid, 'sh', '-c', rest])).toBe(pod.stdout.replace(/up\n$/, ''));
      // A user who is not root has none of them, whoever the app runs as.
      expect(host.ok(['exec', '--user=7', uuid, 'sh', '-c', capabilities])).toContain(
        `CapPrm:\t${none}\nCapEff:\t${none}\n`,
      );
      for (const [attempt, error] of [
        ['mknod /tmp/null c 1 3', 'mknod: /tmp/null: Operation not permitted\n'],
        ['mount -t tmpfs none /tmp', 'mount: permission denied (are you root?)\n'],
        ['hostname x', 'hostname: sethostname: Operation not permitted\n'],
      ] as const) {
        expect(host.rkt([...root, uuid, 'sh', '-c', attempt]).stderr).toBe(error);
      }
    });
  });

  test('is not led astray by what an app has in the place of its users', async () => {
    const attack =
      'busybox rm /etc/passwd; busybox mkfifo /etc/passwd; busybox ln -sf /proc/1/environ /etc/group; busybox ln -s /proc/self/root/etc/shadow /away';
    await withPod('box', attack, [], (uuid) => {
      const refused = (option: string): string => host.rkt(['exec', option, uuid, 'true']).stderr;
      expect(refused('--user=bob')).toBe('rkt: app "box": /etc/passwd is not a regular file\n');
      expect(refused('--group=x')).toBe(
        'rkt: app "box": group "x": it is not in the app\'s /etc/group, and is not a number from 0 to 4294967294\n',
      );
      expect(refused('--user=/away')).toBe('rkt: app "box": user "/away": there is no such file in the app\n');
    });
  });

  test('has no descriptor but the three streams, and none of the host’s terminal', async () => {
    await withPod('box', 'true', [], async (uuid) => {
      const look =
        'ls -1 /proc/self/fd; for fd in 0 1 2; do stat -L -c %d /proc/self/fd/$fd; done; stat -c %d /dev/pts/ptmx; ps';
      const terminal = Terminal.rkt(host, ['exec', uuid, 'sh', '-c', look]);
      expect((await terminal.over()).code).toBe(0);
      const lines = terminal.stdout.split('\r\n').slice(1);
      // The fourth is the directory that ls reads.
      expect(lines.slice(0, 4)).toEqual(['0', '1', '2', '3']);
      expect(new Set(lines.slice(4, 8)).size).toBe(1);
      // Nothing stays between the command and the host that the pod could see.
      const commands = lines.flatMap((line) => /^ *\d+ +\S+ +(.*)$/.exec(line)?.[1] ?? []);
      expect(commands.map((text) => text.split(' ')[0])).toEqual(['{rkt-init}', '/bin/sh', '{ps}']);
    });
  });

  test('gets nothing where its bounds cannot be taken on, not even the shell that is the second choice', async () => {
    const vanish = 'busybox mv /gone /elsewhere';
    await withPod('wanderer', vanish, [], (uuid) => {
      expect(host.rkt(['enter', uuid], { input: 'id\n' })).toMatchObject({
        status: 254,
        stdout: '',
        stderr: 'rkt: entering app "wanderer": entering the working directory /gone: No such file or directory\n',
      });
    });
  });

  test('runs nothing of the host by way of /proc/self/exe', async () => {
    await withPod('box', 'true', [], (uuid) => {
      expect(host.rkt(['exec', uuid, '/proc/self/exe', '--help']).status).toBe(254);
      expect(host.rkt(['exec', '--working-dir=/proc/self/fd', uuid, 'true']).stderr).toBe(
        'rkt: entering app "box": entering the working directory /proc/self/fd: it lies in /proc\n',
      );
    });
  });
});

describe('a terminal is not opened where the app has led /dev astray', () => {
  const all = ['--insecure-options=capabilities,paths'];
  const refused = (uuid: string): string => host.rkt(['exec', '--tty', uuid, 'true']).stderr;

  test('a link in the place of /dev/ptmx changes nothing', async () => {
    await withPod('box', 'rm /dev/ptmx; sh -c "ln -s null /dev/ptmx || busybox ln -s null /dev/ptmx"', [], (uuid) => {
      expect(host.ok(['exec', '--tty', uuid, 'tty'])).toBe('/dev/pts/0\n');
    });
  });

  test('another file system on /dev/pts', async () => {
    const attack = 'mount -t tmpfs none /dev/pts; echo > /dev/pts/ptmx';
    await withPod('box', attack, all, (uuid) => {
      expect(refused(uuid)).toBe('rkt: entering app "box": /dev/pts of the app is not the one that it was given\n');
    });
  });

  test('another file or device on ptmx', async () => {
    for (const attack of ['echo > /tmp/file; mount -o bind /tmp/file', 'mount -o bind /dev/zero']) {
      await withPod('box', `${attack} /dev/pts/ptmx`, all, (uuid) => {
        expect(refused(uuid)).toBe('rkt: entering app "box": /dev/pts of the app is not the one that it was given\n');
      });
    }
  });

  test('a link in the place of /dev/pts', async () => {
    const attack = 'umount /dev/pts && busybox rmdir /dev/pts && busybox ln -s /tmp /dev/pts';
    await withPod('box', attack, all, (uuid) => {
      expect(refused(uuid)).toBe(
        'rkt: entering app "box": opening /dev/pts of the app: Too many levels of symbolic links\n',
      );
    });
  });
});
