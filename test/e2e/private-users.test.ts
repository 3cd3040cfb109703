/** `--private-users`: pods whose users are none of the host's. */

import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { type Result, type Running, rktPath, Sandbox } from '../support/sandbox.ts';
import { makeTinyStage1 } from '../support/tiny-stage1.ts';

const image = 'example.com/users';
let host: Sandbox;
const file = (name: string): string => join(host.dir, name);

beforeAll(async () => {
  host = await Sandbox.create();
  await makeImage({
    name: image,
    exec: ['/app'],
    output: file('users.aci'),
    programs: ['/usr/bin/id'],
    prepare: (rootfs) => {
      chmodSync(join(rootfs, 'usr/bin/id'), 0o4755);
      writeFileSync(join(rootfs, 'app'), '#!/bin/sh\nid; ls -ln /app\n', { mode: 0o755 });
      writeFileSync(join(rootfs, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\nworker:x:1234:99::/:/bin/sh\n');
      writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\nworkers:x:99:\nmore:x:500:worker\n');
      chownSync(join(rootfs, 'etc/group'), 1234, 99);
    },
  });
  host.ok(['--insecure-options=image', 'fetch', file('users.aci')]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  // The lock of the leases stays.
  expect(host.leftovers().filter((line) => line !== 'file /run/rkt/private-users/lock')).toEqual([]);
  expect(host.uuids()).toEqual([]);
});

afterAll(() => host.destroy());

const script = (text: string, ...options: string[]): Result =>
  host.rkt(['run', '--private-users', ...options, image, '--exec=/bin/sh', '--', '-c', text]);

/** Reads what the pod with this uuid, or the only one, has as its settings. */
function rangeOf(uuid = host.uuids()[0] ?? ''): { shift: number; range: number } {
  const pods = join(host.dataDir, 'pods');
  const phase = readdirSync(pods).find((name) => readdirSync(join(pods, name)).includes(uuid)) ?? '';
  const settings = readFileSync(join(pods, phase, uuid, 'settings.json'), 'utf8');
  return (JSON.parse(settings) as { privateUsers: { shift: number; range: number } }).privateUsers;
}

/** A pod that stays until it is told to end. */
async function waiting(...options: string[]): Promise<Running> {
  const running = host.start(['run', ...options, image, '--exec=/bin/sh', '--', '-c', 'echo ready; read line']);
  await running.prints(/^ready$/m);
  return running;
}

async function finish(running: Running): Promise<void> {
  running.child.stdin?.end();
  await running.ended;
}

describe('inside', () => {
  test('root is root, and others are who they are', () => {
    const { stdout } = script(
      'id -u; ls -ln /etc/group /app; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups',
    );
    const { shift, range } = rangeOf();
    expect(range).toBe(65536);
    expect(shift).toBeGreaterThanOrEqual(0x80000);
    const map = `0 ${shift} ${range}`;
    const lines = stdout.split('\n').map((line) => line.trim().replace(/ +/g, ' '));
    expect(lines[0]).toBe('0');
    expect(lines.find((line) => line.endsWith('/etc/group'))).toMatch(/^-rw-r--r-- 1 1234 99 /);
    expect(lines.find((line) => line.endsWith('/app'))).toMatch(/^-rwxr-xr-x 1 0 0 /);
    expect(lines.slice(3, 6)).toEqual([map, map, 'allow']);
  });

  test('devices, temporary file systems and what rkt puts there are root’s', () => {
    const paths = '/dev /dev/null /dev/pts /dev/pts/ptmx /dev/shm /dev/mqueue /dev/fd /etc/hosts /';
    const { stdout } = script(`for p in ${paths}; do stat -c '%u %g %n' $p; done`);
    expect(stdout).toBe(
      paths
        .split(' ')
        .map((path) => `0 0 ${path}\n`)
        .join(''),
    );
  });

  test('programs change users: setuid, su, and the user of the image', () => {
    const su = script('/bin/busybox su worker -c "/bin/busybox id"');
    expect(su.stdout).toBe('uid=1234(worker) gid=99(workers) groups=99(workers),500(more)\n');
    // The setuid bit of the image counts: the effective user is the pod's root.
    expect(script('/bin/busybox su worker -c "/usr/bin/id -u; /usr/bin/id -ru"').stdout).toBe('0\n1234\n');
  });

  test('files are made and given away, and belong to the shifted ids outside', () => {
    const { stdout, status } = script(
      'echo new > /tmp/new && chown 1234:99 /tmp/new && stat -c "%u %g" /tmp/new; rm /app',
    );
    expect([stdout, status]).toEqual(['1234 99\n', 0]);
    const { shift } = rangeOf();
    const pod = join(host.dataDir, 'pods', 'run', host.uuids()[0] ?? '');
    const { uid, gid } = statSync(join(pod, 'overlay', 'users', 'upper', 'tmp', 'new'));
    expect([uid, gid]).toEqual([shift + 1234, shift + 99]);
  });

  test('the same goes for a copied root filesystem, and for empty volumes', () => {
    const volume = ['--volume=e,kind=empty,uid=7,gid=8,mode=0700', '--mount=volume=e,target=/e'];
    const { stdout } = script(
      'stat -c "%u %g" / /etc/group /e; touch /e/x /y && stat -c "%u" /e/x /y',
      '--no-overlay',
      ...volume,
    );
    expect(stdout).toBe('0 0\n1234 99\n7 8\n0\n0\n');
  });

  test('the standard output can be opened by its name', () => {
    const command = `'${rktPath}' run --private-users ${image} --exec=/bin/sh -- -c 'echo opened > /dev/stdout' | cat`;
    expect(host.exec(['sh', '-c', command]).stdout).toBe('opened\n');
  });

  test('a network of its own obeys: ports below 1024, raw packets', () => {
    const network = ['--private-net=none', '--mds-register=false'];
    const { stdout } = script(
      'ping -c1 -W5 127.0.0.1 | grep -c "1 packets received"; (echo answer | nc -l -p 80) & ' +
        'until nc 127.0.0.1 80 </dev/null; do :; done',
      ...network,
    );
    expect(stdout).toBe('1\nanswer\n');
  });

  test('the default network works', () => {
    const { stdout } = script(
      'ip -4 -o addr show dev eth0 | grep -c 172.16.28',
      '--private-net',
      '--mds-register=false',
    );
    expect(stdout).toBe('1\n');
  });
});

test('what enters a pod is one of its users, and its terminal is theirs', async () => {
  const running = await waiting('--private-users');
  const [uuid = ''] = host.uuids();
  const { shift } = rangeOf(uuid);
  const text = 'cat /proc/self/uid_map; echo made > /made && stat -c %u /made';
  const { stdout, stderr } = host.rkt(['enter', uuid, '/bin/sh', '-c', text]);
  expect([stdout.trim().replace(/ +/g, ' '), stderr]).toEqual([`0 ${shift} 65536\n0`, '']);
  const terminal = host.rkt(['exec', '--tty', uuid, '/bin/sh', '-c', 'stat -c %u $(readlink /proc/self/fd/0)']);
  expect([terminal.stdout.trim(), terminal.status]).toEqual(['0', 0]);
  // The program is setuid.
  const shown = (...options: string[]): string => host.ok(['exec', ...options, uuid, 'id']);
  expect(shown('--user=worker')).toBe('uid=1234(worker) gid=99(workers) euid=0(root) groups=99(workers),500(more)\n');
  // The owner of a file is an id of the host, unless it is looked at from inside.
  expect(shown('--user=/etc/group')).toBe('uid=1234(worker) gid=99(workers) euid=0(root) groups=99(workers)\n');
  expect(host.rkt(['exec', '--user=70000', uuid, 'id']).stderr).toBe(
    'rkt: app "users": the id 70000 cannot be: the pod has the ids 0 to 65535\n',
  );
  expect(host.rkt(['exec', '--user=/dev/null/..', uuid, 'id']).stderr).toContain('there is no such file in the app');
  await finish(running);
});

describe('the root of such a pod', () => {
  test('has no power over files of the host', () => {
    const dir = file('volume');
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'secret'), 'secret\n', { mode: 0o600 });
    writeFileSync(join(dir, 'public'), 'public\n', { mode: 0o644 });
    const volume = [`--volume=v,kind=host,source=${dir}`, '--mount=volume=v,target=/v'];
    const { stdout } = script(
      'cat /v/public; for c in "cat /v/secret" "rm /v/public" "touch /v/new" "chmod 777 /v/public" "chown 0 /v/secret"; do ' +
        '$c 2>/dev/null && echo "did: $c"; done; stat -c %u /v/secret',
      ...volume,
    );
    expect(stdout).toBe('public\n65534\n');
  });

  test('makes no devices, mounts nothing, and kills nobody, whatever capabilities it is given', async () => {
    const victim = host.spawn(['sleep', '1000'], ['ignore', 'ignore', 'ignore']);
    const { stdout } = host.rkt([
      '--insecure-options=capabilities,paths',
      'run',
      '--private-users',
      image,
      '--exec=/bin/sh',
      '--',
      '-c',
      `for c in "mknod /tmp/n c 1 3" "mount -t tmpfs none /tmp" "umount /proc" "kill -9 1" "kill -9 ${victim.pid}" "hostname x" ` +
        '"sh -c \'echo 1 > /proc/sys/kernel/panic\'" "cat /proc/kcore"; do $c >/dev/null 2>&1 && echo "did: $c"; done; true',
    ]);
    expect(stdout).toBe('');
    expect(victim.exitCode ?? victim.signalCode).toBeNull();
  });

  test('is a stranger to other pods', async () => {
    const other = await waiting('--private-users=2000000');
    const dir = file('of-other');
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'file'), 'x', { mode: 0o600 });
    chownSync(join(dir, 'file'), 2000000, 2000000);
    const volume = [`--volume=v,kind=host,source=${dir}`, '--mount=volume=v,target=/v'];
    expect(script('cat /v/file 2>/dev/null || stat -c %u /v/file', ...volume).stdout).toBe('65534\n');
    // The other one's root may.
    await finish(other);
    host.ok(['gc', '--grace-period=0s']);
    const own = ['run', '--private-users=2000000', ...volume, image, '--exec=/bin/cat', '--', '/v/file'];
    expect(host.ok(own)).toBe('x');
  });
});

describe('ids', () => {
  test('are never those of another pod, dead or alive, until gc', async () => {
    const pods = await Promise.all([
      waiting('--private-users'),
      waiting('--private-users'),
      waiting('--private-users'),
    ]);
    const shifts = host.uuids().map((uuid) => rangeOf(uuid).shift);
    expect(new Set(shifts).size).toBe(3);
    await Promise.all(pods.map(finish));
    const [uuid = ''] = host.uuids();
    const { shift } = rangeOf(uuid);
    const refused = host.rkt(['run', `--private-users=${shift + 1}:10`, image]);
    expect([refused.status, refused.stderr]).toEqual([
      254,
      `rkt: the ids ${shift + 1} to ${shift + 10} are taken: pod ${uuid} has ${shift} to ${shift + 65535}\n` +
        'rkt: choose others, or let rkt choose with --private-users=pick\n',
    ]);
    host.ok(['gc', '--grace-period=0s']);
    expect(host.rkt(['run', `--private-users=${shift + 1}:10`, image]).status).toBe(0);
  });

  test('outside of the range are an error, before anything is started', () => {
    const { status, stderr } = host.rkt([
      'run',
      '--private-users=3000000:1000',
      image,
      '--exec=/bin/true',
      '--user=1234',
    ]);
    // Where apps cannot be given a user, the image says it.
    if (stderr.includes('--user')) return;
    expect([status, stderr]).toEqual([
      254,
      'rkt: app "users": user 1234 cannot be: the pod has the ids 0 to 999\n' +
        'rkt: give the pod more with --private-users=SHIFT:RANGE\n',
    ]);
  });

  test.each([
    ['0:5', 'invalid value "0:5" for --private-users'],
    ['many', 'invalid value "many" for --private-users'],
    ['1000:0', 'invalid value "1000:0" for --private-users'],
    ['4294967000:300', '--private-users=4294967000:300: the ids 4294967000 to 4294967299 do not all exist'],
  ])('cannot be %s', (text, message) => {
    const { status, stderr } = host.rkt(['run', `--private-users=${text}`, image]);
    expect(status).toBe(254);
    expect(stderr.split('\n')[0]).toBe(`rkt: ${message}`);
  });

  test('are the host’s with "no"', () => {
    const { stdout } = host.rkt(['run', '--private-users=no', image, '--exec=/bin/cat', '--', '/proc/self/uid_map']);
    expect(stdout.trim().replace(/ +/g, ' ')).toBe('0 0 4294967295');
  });

  test('are kept from prepare to run-prepared', () => {
    const uuid = host.ok(['prepare', '--private-users', image, '--exec=/bin/cat', '--', '/proc/self/uid_map']).trim();
    const { shift } = rangeOf(uuid);
    // As after a boot.
    host.exec(['rm', `/run/rkt/private-users/${uuid}`]);
    expect(host.ok(['run-prepared', uuid]).trim().replace(/ +/g, ' ')).toBe(`0 ${shift} 65536`);
    expect(host.exec(['cat', `/run/rkt/private-users/${uuid}`]).stdout).toBe(`${shift} 65536\n`);
  });
});

describe('what an app leaves', () => {
  test('is exported with the ids that it had inside', () => {
    script('echo x > /made && chown 1234:99 /made; touch /tmp');
    const [uuid = ''] = host.uuids();
    host.ok(['export', uuid, file('left.aci')]);
    const listing = host.exec(['tar', '--numeric-owner', '-tvf', file('left.aci')]).stdout;
    expect(listing).toMatch(/^-rw-r--r-- 1234\/99 .* rootfs\/made$/m);
    expect(listing).toMatch(/^-rw-r--r-- 1234\/99 .* rootfs\/etc\/group$/m);
    expect(listing).toMatch(/^drwxr-xr-x 0\/0 .* rootfs\/tmp\/$/m);
  });
});

describe('a stage1 image', () => {
  test('is told the ids, and gets root filesystems that have them', async () => {
    const output = await makeTinyStage1({ output: file('tiny.aci') });
    const options = ['--insecure-options=image', 'run', '--private-users=4000000:70000', `--stage1-path=${output}`];
    const { stdout } = host.rkt([...options, image]);
    expect(stdout).toContain(' --private-users=4000000:70000 ');
    expect(stdout).toMatch(/-rwxr-xr-x +1 4000000 +4000000 .* \/app\n/);
  });
});

describe('a killed monitor', () => {
  test('leaves nothing that gc does not remove', async () => {
    const running = await waiting('--private-users', '--private-net=none', '--mds-register=false');
    running.child.kill('SIGKILL');
    await running.ended;
    expect(host.exec(['sh', '-c', 'ls /run/rkt/userns | wc -l']).stdout).toBe('1\n');
    host.ok(['gc', '--grace-period=0s']);
    expect(host.exec(['sh', '-c', 'ls /run/rkt/userns /run/rkt/private-users']).stdout).toBe(
      '/run/rkt/private-users:\nlock\n\n/run/rkt/userns:\n',
    );
  });
});
