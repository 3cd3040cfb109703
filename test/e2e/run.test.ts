/** `rkt run` as its users know it: what goes in, what comes out, what the app sees. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { Sandbox } from '../support/sandbox.ts';

let host: Sandbox;
const image = (name: string): string => `example.com/${name}`;

/** Runs a shell script as the only app of a pod on the host's network. */
const script = (text: string, ...options: string[]) =>
  host.rkt(['run', ...options, image('busybox'), '--exec', '/bin/sh', '--', '-c', text]);

beforeAll(async () => {
  host = await Sandbox.create();
  const file = (name: string): string => join(host.dir, `${name}.aci`);
  await makeImage({ name: image('busybox'), exec: ['/bin/echo', 'from the image'], output: file('busybox') });
  await makeImage({
    name: image('worker'),
    exec: ['/bin/sh', '-c', 'echo $GREETING $OVERRIDE; cat /work/file; id -u; id -g; id -G; pwd'],
    output: file('worker'),
    app: {
      user: 'worker',
      group: 'workers',
      supplementaryGIDs: [400, 500],
      workingDirectory: '/bin',
      environment: [
        { name: 'GREETING', value: 'hello' },
        { name: 'OVERRIDE', value: 'image' },
      ],
      mountPoints: [{ name: 'work', path: '/work', readOnly: true }],
    },
    prepare: (rootfs) => {
      writeFileSync(join(rootfs, 'etc', 'passwd'), 'root:x:0:0::/:/bin/sh\nworker:x:1234:99::/:/bin/sh\n');
      writeFileSync(join(rootfs, 'etc', 'group'), 'workers:x:4321:\n');
    },
  });
  host.ok(['-insecure-skip-verify', 'fetch', file('busybox'), file('worker')]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  expect(host.uuids()).toEqual([]);
});

afterAll(() => host.destroy());

describe('an app', () => {
  test('runs what its image says, and its output passes through unchanged', () => {
    expect(host.rkt(['run', image('busybox')])).toEqual({
      status: 0,
      signal: null,
      stdout: 'from the image\n',
      stderr: '',
    });
  });

  test('gets arguments appended, one by one, as they are', () => {
    expect(host.ok(['run', image('busybox'), '--', 'a b', '--c', '$X', ''])).toBe('from the image a b --c $X \n');
  });

  test.each([0, 1, 42, 255])('that ends with %i ends rkt with it', (code) => {
    expect(script(`exit ${code}`).status).toBe(code);
  });

  test('that is ended by a signal ends rkt with 128 and its number', () => {
    expect(script('kill -KILL $$').status).toBe(137);
  });

  test('reads the standard input of rkt', () => {
    const args = ['run', image('busybox'), '--exec', '/bin/cat'];
    expect(host.rkt(args, { input: 'in and out\n' }).stdout).toBe('in and out\n');
  });

  test('keeps standard error apart from standard output', () => {
    const { stdout, stderr } = script('echo out; echo err >&2');
    expect([stdout, stderr]).toEqual(['out\n', 'err\n']);
  });

  test('is named by its name, with and without labels, by its id, and by the beginning of its id', () => {
    const [id = ''] = host.ok(['-insecure-skip-verify', 'fetch', '--full', join(host.dir, 'busybox.aci')]).split('\n');
    for (const ref of [id, id.slice(0, 39), `${image('busybox')}:1.0.0`, `${image('busybox')},os=linux`]) {
      expect(host.ok(['run', ref])).toBe('from the image\n');
    }
  });

  test('has the identity, directory and volume that its manifest asks for', () => {
    const work = join(host.dir, 'work');
    mkdirSync(work, { recursive: true });
    writeFileSync(join(work, 'file'), 'shared\n');
    const output = host.ok(['run', `--volume=work,kind=host,source=${work}`, image('worker')]);
    expect(output.split('\n')).toEqual(['hello image', 'shared', '1234', '4321', '4321 400 500', '/bin', '']);
  });

  test('has the environment of the specification', () => {
    const lines = script('env').stdout.split('\n').sort();
    expect(lines).toEqual(
      expect.arrayContaining(['AC_APP_NAME=busybox', 'AC_METADATA_URL=http://169.254.169.255', 'container=rkt']),
    );
    expect(lines).toContain('PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin');
    expect(lines.some((line) => line.startsWith('RKT_'))).toBe(false);
  });

  test('gets variables of the caller below those of the image, and explicit ones above', () => {
    const env = { GREETING: 'parent', OVERRIDE: 'parent', MORE: 'parent' };
    const args = ['run', '--inherit-env', '--set-env=OVERRIDE=over', '--volume=work,kind=empty', image('worker')];
    const { stdout } = host.rkt([...args, '--exec', '/bin/sh', '--', '-c', 'echo $GREETING $OVERRIDE $MORE'], { env });
    expect(stdout).toBe('hello over parent\n');
  });

  test('has the host name of the pod, or the one that was asked for', () => {
    const uuidFile = join(host.dir, 'uuid');
    const name = script('hostname', `--uuid-file-save=${uuidFile}`).stdout.trim();
    expect(name).toBe(`rkt-${readFileSync(uuidFile, 'utf8').trim()}`);
    expect(script('hostname', '--hostname=db').stdout).toBe('db\n');
  });

  test('sees only its own standard streams, and the open-file limit of the caller', () => {
    const { stdout } = script('ls -l /proc/self/fd | wc -l; ulimit -n');
    // "total 0", three streams, and the descriptor of the listing itself.
    expect(stdout.split('\n')[0]).toBe('5');
    expect(stdout.split('\n')[1]).toBe(host.exec(['sh', '-c', 'ulimit -n']).stdout.trim());
  });

  test('has the default capabilities, or all where the user wants that', () => {
    const bounding = 'grep CapBnd /proc/self/status';
    expect(script(bounding).stdout).toBe('CapBnd:\t00000000a80425fb\n');
    expect(script(bounding, '--insecure-options=capabilities').stdout).toBe(
      `${/CapBnd.*\n/.exec(readFileSync('/proc/self/status', 'utf8'))?.[0]}`,
    );
  });

  test('cannot change the kernel’s settings, unless the user wants that', () => {
    const write = 'echo 1 > /proc/sys/kernel/panic_on_oops';
    expect(script(write).status).not.toBe(0);
    expect(script('cat /proc/kcore | head -c 1 | wc -c').stdout).toBe('0\n');
  });

  test('writes to a layer of its own: the next pod starts clean', () => {
    expect(script('echo x > /etc/new && ls /etc').stdout).toContain('new');
    expect(script('ls /etc').stdout).not.toContain('new');
  });
});

describe('several apps', () => {
  const apps = (first: string, second: string, ...options: string[]): string[] => [
    'run',
    ...options,
    ...[image('busybox'), '--name=one', '--exec', '/bin/sh', '--', '-c', first],
    ...['---', image('busybox'), '--name=two', '--exec', '/bin/sh', '--', '-c', second],
  ];

  test('share processes and a host name, but no files', () => {
    const wait = 'until test -e /shared/two; do sleep 0.05; done;';
    const first = `touch /private; ${wait} echo one $(hostname) $(ls /proc | grep -c '^[0-9]')`;
    const second = 'test ! -e /private && hostname > /shared/two; sleep 0.5';
    const options = ['--volume=shared,kind=empty', '--mount=volume=shared,target=/shared', '--hostname=both'];
    const { status, stdout } = host.rkt(apps(first, second, ...options));
    const [, , name, processes] = stdout.trim().split(' ');
    expect([status, name]).toEqual([0, 'both']);
    // Init, both shells, and what the shells run.
    expect(Number(processes)).toBeGreaterThanOrEqual(4);
  });

  test('the first that fails ends the pod, and its code is the pod’s', () => {
    expect(host.rkt(apps('exec sleep 1000', 'exit 7')).status).toBe(7);
    const [uuid = ''] = host.uuids();
    expect(host.ok(['status', uuid])).toMatch(/\nexited=true\napp-one=143\napp-two=7\n$/);
  });

  test('one that succeeds does not end the others', () => {
    expect(host.ok(apps('true', 'sleep 0.3; echo still here'))).toMatch(/^two\[\d+\]: still here\n$/);
  });
});

describe('volumes', () => {
  test('are writable unless read-only, by the volume or by the mount point', () => {
    const dir = join(host.dir, 'writable');
    mkdirSync(dir, { recursive: true });
    const run = (volume: string) => script('echo x > /data/file', volume, '--mount=volume=data,target=/data');
    expect(run(`--volume=data,kind=host,source=${dir},readOnly=true`).stderr).toContain('Read-only file system');
    expect(run(`--volume=data,kind=host,source=${dir}`).status).toBe(0);
    expect(readFileSync(join(dir, 'file'), 'utf8')).toBe('x\n');
    expect(
      host.rkt([
        'run',
        `--volume=work,kind=host,source=${dir}`,
        image('worker'),
        '--exec',
        '/bin/touch',
        '--',
        '/work/x',
      ]).stderr,
    ).toContain('Read-only file system');
  });

  test('an empty one has the owner and mode that were asked for', () => {
    const { stdout } = script(
      'stat -c "%a %u %g" /data',
      '--volume=data,kind=empty,mode=0750,uid=12,gid=34',
      '--mount=volume=data,target=/data',
    );
    expect(stdout).toBe('750 12 34\n');
  });

  test('a mount point without a volume gets an empty one, with a warning', () => {
    const { stdout, stderr } = host.rkt(['run', image('worker'), '--exec', '/bin/ls', '--', '/work']);
    expect(stdout).toBe('');
    expect(stderr).toBe('rkt: warning: app "worker": no volume for mount point "work": using an empty one\n');
  });

  test('a single file can be a volume, at a path that the image does not have', () => {
    const file = join(host.dir, 'single');
    writeFileSync(file, 'one file\n');
    const { stdout } = script(
      'cat /new/dir/file',
      `--volume=f,kind=host,source=${file}`,
      '--mount=volume=f,target=/new/dir/file',
    );
    expect(stdout).toBe('one file\n');
  });
});

describe('looking at pods', () => {
  test('list, status and cat-manifest agree on a pod, running and exited', async () => {
    const pod = host.start(['run', image('busybox'), '--exec', '/bin/sh', '--', '-c', 'echo up; read line; exit 3']);
    await pod.prints(/up/);
    const [uuid = ''] = host.uuids();
    expect(host.ok(['list', '--full', '--no-legend'])).toMatch(
      new RegExp(`^${uuid}  busybox  example.com/busybox:1.0.0  sha512-[0-9a-f]{12}  running  `),
    );
    expect(host.ok(['status', uuid.slice(0, 8)])).toMatch(
      /^state=running\ncreated=.*\nstarted=.*\npid=\d+\nexited=false\n$/,
    );
    pod.child.stdin?.end('\n');
    expect(await pod.ended).toEqual({ status: 3, signal: null });
    expect(host.ok(['status', uuid])).toMatch(/^state=exited\n[\s\S]*\nexited=true\napp-busybox=3\n$/);
    expect(host.ok(['list'])).toMatch(
      new RegExp(`^UUID +APP +IMAGE NAME +STATE +CREATED +STARTED +NETWORKS\n${uuid.slice(0, 8)} .* exited `),
    );
    const manifest = JSON.parse(host.ok(['cat-manifest', uuid]));
    expect(manifest.apps[0]).toMatchObject({ name: 'busybox', image: { name: 'example.com/busybox' } });
  });

  test('gc marks first and sweeps after the grace period, in the words of rkt', () => {
    host.ok(['run', image('busybox')]);
    const [uuid = ''] = host.uuids();
    expect(host.ok(['gc'])).toBe(`Moving container "${uuid}" to garbage\n`);
    expect(host.ok(['status', uuid])).toMatch(/^state=exited garbage\n/);
    expect(host.ok(['gc'])).toBe('');
    expect(host.ok(['gc', '--grace-period=0s', '--mark-only'])).toBe('');
    expect(host.ok(['gc', '--grace-period=0s'])).toBe(`Garbage collecting container "${uuid}"\n`);
  });
});

describe('signals', () => {
  test.each([
    ['SIGTERM', 'TERM'],
    ['SIGINT', 'INT'],
    ['SIGHUP', 'HUP'],
    ['SIGUSR1', 'USR1'],
  ] as const)('%s reaches the app', async (signal, name) => {
    const trap = `trap 'echo got ${name}; exit 5' ${name}; echo up; while :; do sleep 0.05; done`;
    const pod = host.start(['run', image('busybox'), '--exec', '/bin/sh', '--', '-c', trap]);
    await pod.prints(/up/);
    pod.child.kill(signal);
    expect(await pod.ended).toEqual({ status: 5, signal: null });
    expect(pod.stdout).toBe(`up\ngot ${name}\n`);
  });
});
