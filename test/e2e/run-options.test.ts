/** What a user can say about an app and a pod on the command line of `rkt run`. */

import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { Sandbox } from '../support/sandbox.ts';

// Images are made and pods started while other tests do the same.
jest.setTimeout(60_000);

let host: Sandbox;
const image = (name: string): string => `example.com/${name}`;
const path = (name: string): string => join(host.dir, name);

/** Runs a shell script in the image `worker` with options of the app. */
const script = (text: string, ...options: string[]) =>
  host.rkt(['run', image('worker'), ...options, '--exec', '/bin/sh', '--', '-c', text]);

/** The same with options of the pod. */
const podScript = (text: string, ...options: string[]) =>
  host.rkt(['run', ...options, image('worker'), '--exec', '/bin/sh', '--', '-c', text]);

function refusal(...args: string[]): string {
  const { status, stdout, stderr } = host.rkt(args);
  expect([status, stdout]).toEqual([254, '']);
  return stderr;
}

/** The manifest of the pod that just ran. */
const manifest = () => JSON.parse(host.ok(['cat-manifest', host.uuids()[0] as string]));

const hostResolver = (): string => readFileSync('/etc/resolv.conf', 'utf8');

beforeAll(async () => {
  host = await Sandbox.create();
  await makeImage({
    name: image('worker'),
    exec: ['/bin/sh', '-c', 'echo from the image'],
    output: path('worker.aci'),
    app: {
      user: 'worker',
      group: 'workers',
      supplementaryGIDs: [400],
      workingDirectory: '/made/on/demand',
      environment: [
        { name: 'A', value: 'image' },
        { name: 'B', value: 'image' },
      ],
      userLabels: { kept: 'yes', changed: 'no' },
    },
    prepare: (rootfs) => {
      writeFileSync(join(rootfs, 'etc', 'passwd'), 'root:x:0:0::/:/bin/sh\nworker:x:1234:99::/:/bin/sh\n');
      writeFileSync(join(rootfs, 'etc', 'group'), 'workers:x:4321:\nothers:x:55:\n');
      writeFileSync(join(rootfs, 'etc', 'hosts'), '');
      writeFileSync(join(rootfs, 'etc', 'hostname'), 'builder\n');
      symlinkSync('/run/nothing/here', join(rootfs, 'etc', 'resolv.conf'));
    },
  });
  await makeImage({
    name: image('own-names'),
    exec: ['/bin/cat', '/etc/resolv.conf', '/etc/hosts'],
    output: path('own-names.aci'),
    prepare: (rootfs) => {
      writeFileSync(join(rootfs, 'etc', 'resolv.conf'), 'nameserver 192.0.2.1\n');
      writeFileSync(join(rootfs, 'etc', 'hosts'), '192.0.2.2 image\n');
    },
  });
  host.ok(['-insecure-skip-verify', 'fetch', path('worker.aci'), path('own-names.aci')]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  expect(host.uuids()).toEqual([]);
});

afterAll(() => host.destroy());

describe('identity', () => {
  const ids = 'id -u; id -g; id -G';

  test.each([
    [[], '1234\n4321\n4321 400\n'],
    [['--user=0', '--group=0', '--supplementary-gids=7,8'], '0\n0\n0 7 8\n'],
    [['--user=1000', '--group=others'], '1000\n55\n55 400\n'],
    [['--user=/etc/passwd'], '0\n4321\n4321 400\n'],
    [['--supplementary-gids=1', '--supplementary-gids=2'], '1234\n4321\n4321 1 2\n'],
  ])('%j', (options, output) => {
    expect(script(ids, ...options).stdout).toBe(output);
  });

  test.each([
    ['--user=nobody', 'user "nobody": it is not in the image\'s /etc/passwd, and is not a number from 0 to 4294967294'],
    ['--user=-1', 'user "-1": it is not in the image\'s /etc/passwd, and is not a number from 0 to 4294967294'],
    [
      '--user=4294967295',
      'user "4294967295": it is not in the image\'s /etc/passwd, and is not a number from 0 to 4294967294',
    ],
    ['--group=0x0', 'group "0x0": it is not in the image\'s /etc/group, and is not a number from 0 to 4294967294'],
    ['--group=/no/such', 'group "/no/such": there is no such file in the image'],
  ])('%s is refused', (option, reason) => {
    expect(refusal('run', image('worker'), option)).toBe(`rkt: app "worker": image ${image('worker')}: ${reason}\n`);
  });

  test.each(['x', '-1', '1,,2', '4294967295'])('--supplementary-gids=%s is refused', (text) => {
    const part = text === '1,,2' ? '' : text;
    expect(refusal('run', image('worker'), `--supplementary-gids=${text}`)).toBe(
      `rkt: --supplementary-gids: "${part}" is not a number from 0 to 4294967294\nrkt: write numbers separated by commas\n`,
    );
  });
});

describe('surroundings', () => {
  test('the image’s working directory is made; another must be there', () => {
    expect(script('pwd').stdout).toBe('/made/on/demand\n');
    expect(script('pwd', '--working-dir=/bin').stdout).toBe('/bin\n');
    expect(script('pwd', '--working-dir=/no/such')).toMatchObject({
      status: 254,
      stderr: 'rkt: app "worker": entering the working directory /no/such: No such file or directory\n',
    });
    expect(refusal('run', image('worker'), '--working-dir=here')).toBe(
      'rkt: --working-dir must be an absolute path, is "here"\n',
    );
  });

  test('a read-only root filesystem', () => {
    const { stdout, stderr } = script('echo x > /tmp/x; echo y > /dev/shm/y; cat /dev/shm/y', '--readonly-rootfs');
    expect([stdout, stderr]).toEqual(['y\n', "/bin/sh: can't create /tmp/x: Read-only file system\n"]);
    expect(script('echo x > /tmp/x && cat /tmp/x', '--user=0', '--readonly-rootfs=false').stdout).toBe('x\n');
  });

  test('the environment: caller, image, file, pod, app', () => {
    const file = path('variables');
    writeFileSync(file, '# a comment\n; another\n\nB=file\nC=file\nD=a "quoted" = \\ value\n');
    const options = ['--inherit-env', `--set-env-file=${file}`, '--set-env=C=pod', '--set-env=E=pod'];
    const { stdout } = host.rkt(
      [
        'run',
        ...options,
        image('worker'),
        '--environment=E=app',
        '--exec=/bin/sh',
        '--',
        '-c',
        'echo "$A,$B,$C,$D,$E,$F"',
      ],
      { env: { A: 'caller', F: 'caller' } },
    );
    expect(stdout).toBe('image,file,pod,a "quoted" = \\ value,app,caller\n');
  });

  test.each([
    ['A', 'line 1 has no "=value"'],
    ['A=1\n=2', 'line 2 has a name that must not be empty'],
    ['A=1\nB=2\nA=3', 'line 3 sets A again, after line 1'],
    [
      'export A=1',
      'line 1 has a name that must consist of letters, digits, "_", "." and "-", and not begin with a digit, "." or "-"',
    ],
  ])('a file of variables with %j is refused', (text, reason) => {
    const file = path('bad-variables');
    writeFileSync(file, text);
    expect(refusal('run', `--set-env-file=${file}`, image('worker'))).toBe(
      `rkt: --set-env-file ${file}: ${reason}\nrkt: write NAME=VALUE, one a line\n`,
    );
  });

  test('the IPC namespace is the pod’s, or the caller’s', () => {
    const own = host.exec(['readlink', '/proc/self/ns/ipc']).stdout;
    const read = 'readlink /proc/self/ns/ipc';
    expect(podScript(read).stdout).not.toBe(own);
    expect(podScript(read, '--ipc=private').stdout).not.toBe(own);
    expect(podScript(read, '--ipc=parent').stdout).toBe(own);
    expect(refusal('run', '--ipc=host', image('worker'))).toBe(
      'rkt: invalid value "host" for --ipc: must be auto, private or parent\n',
    );
  });
});

test('annotations and labels are in the pod manifest', () => {
  const options = ['--annotation=example.com/a=1', '--user-annotation=n=v=w', '--user-label=changed=yes'];
  expect(script('true', ...options).status).toBe(0);
  expect(manifest().apps[0]).toMatchObject({
    annotations: [{ name: 'example.com/a', value: '1' }],
    app: { userAnnotations: { n: 'v=w' }, userLabels: { kept: 'yes', changed: 'yes' } },
  });
});

test('a prepared pod keeps what was said about its apps; names are said when it starts', () => {
  const file = path('prepared-variables');
  writeFileSync(file, 'C=file\n');
  const own = ['--user=7', '--group=8', '--supplementary-gids=9', '--working-dir=/tmp', '--environment=D=app'];
  const text = 'id -u; id -G; pwd; echo $C $D; cat /etc/resolv.conf; touch /x';
  const args = ['prepare', `--set-env-file=${file}`, image('worker'), ...own, '--readonly-rootfs', '--exec=/bin/sh'];
  const uuid = host.ok([...args, '--', '-c', text]).trim();
  const { stdout, stderr } = host.rkt(['run-prepared', '--dns=192.0.2.1', uuid]);
  expect(stdout).toBe('7\n8 9\n/tmp\nfile app\n# Generated by rkt run\n\nnameserver 192.0.2.1\n');
  expect(stderr).toBe('touch: /x: Read-only file system\n');
});

describe('names', () => {
  const both = 'cat /etc/resolv.conf /etc/hosts; test -L /etc/resolv.conf || echo a file';
  const usual = '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.0.1 pod\n';

  test('an image that says nothing gets those of the host; a dangling link is replaced', () => {
    expect(podScript(both, '--hostname=pod').stdout).toBe(`${hostResolver()}${usual}a file\n`);
  });

  test('/etc/hostname is the pod’s, whatever the image has there', () => {
    expect(podScript('cat /etc/hostname', '--hostname=pod').stdout).toBe('pod\n');
  });

  test('an image that says something keeps it', () => {
    expect(host.ok(['run', image('own-names')])).toBe('nameserver 192.0.2.1\n192.0.2.2 image\n');
  });

  test('what the user says replaces both', () => {
    const options = ['--dns=8.8.8.8,2001:db8::1', '--dns=4.2.2.2', '--dns-search=a.example', '--dns-search=b.example'];
    const more = ['--dns-opt=rotate', '--dns-domain=c.example', '--hosts-entry=198.51.100.0=host1,198.51.100.1=host2'];
    const args = [...options, ...more, '--hosts-entry=198.51.100.0=host3', '--hostname=pod', image('own-names')];
    expect(host.ok(['run', ...args])).toBe(
      '# Generated by rkt run\n\nsearch a.example b.example\nnameserver 8.8.8.8\nnameserver 2001:db8::1\n' +
        `nameserver 4.2.2.2\noptions rotate\ndomain c.example\n${usual}\n198.51.100.0 host1 host3\n198.51.100.1 host2\n`,
    );
    expect(host.ok(['run', '--dns=host', '--hosts-entry=host', image('own-names')])).toBe(
      hostResolver() + readFileSync('/etc/hosts', 'utf8'),
    );
    expect(podScript('test -e /etc/resolv.conf || echo none', '--dns=none').stdout).toBe('none\n');
  });

  test('options alone keep the servers of the host', () => {
    const { stdout } = podScript('cat /etc/resolv.conf', '--dns-opt=ndots:3');
    const servers = hostResolver()
      .split('\n')
      .filter((line) => line.startsWith('nameserver'));
    expect(stdout).toBe(`# Generated by rkt run\n\n${servers.map((line) => `${line}\n`).join('')}options ndots:3\n`);
  });

  test('the user’s word counts more than a volume, a volume more than the image', () => {
    const file = path('names');
    writeFileSync(file, 'from the volume\n');
    const volume = [`--volume=n,kind=host,source=${file}`, '--mount=volume=n,target=/etc/hosts'];
    expect(podScript('cat /etc/hosts', ...volume).stdout).toBe('from the volume\n');
    expect(podScript('cat /etc/hosts', ...volume, '--hosts-entry=10.0.0.1=x', '--hostname=pod').stdout).toBe(
      `${usual}\n10.0.0.1 x\n`,
    );
    expect(readFileSync(file, 'utf8')).toBe('from the volume\n');
  });

  test.each([
    [['--dns=example.com'], '--dns "example.com" is not an IP address'],
    [['--dns=1.1.1.1', '--dns=host'], '--dns=host cannot stand beside another --dns'],
    [['--dns=none', '--dns-opt=x'], '--dns=none and --dns-opt cannot stand together'],
    [['--dns-search=a b'], '--dns-search "a b": must be one word of letters, digits and signs'],
    [['--hosts-entry=10.0.0.1'], '--hosts-entry "10.0.0.1": "10.0.0.1" has no "=NAME"'],
    [['--hosts-entry=10.0.0=a'], '--hosts-entry "10.0.0=a": "10.0.0" is not an IP address'],
    [['--hosts-entry=10.0.0.1=a\nb'], '--hosts-entry "a\\nb": must be one word of letters, digits and signs'],
    [['--hosts-entry=host', '--hosts-entry=::1=a'], '--hosts-entry=host cannot stand beside another --hosts-entry'],
  ])('%j is refused', (options, message) => {
    expect(refusal('run', ...options, image('worker')).split('\n')[0]).toBe(`rkt: ${message}`);
  });
});

describe('the command line', () => {
  test.each([
    [['--user=1', image('worker')], 'option --user must follow an image\nrkt: the form is: rkt run IMAGE --user=…'],
    [[image('worker'), '--usr=1'], 'unknown option "--usr" for "rkt run"\nrkt: did you mean --user?'],
    [[image('worker'), '--name=a', '--name=b'], 'option --name is given twice'],
    [[image('worker'), '--exec='], 'option --exec needs a value'],
    [['--hostname=a', '--hostname=b', image('worker')], 'option --hostname is given twice'],
    [
      ['--', 'x'],
      '"--" must follow an image\nrkt: the form is: rkt run [options] IMAGE [image options] [-- args] [--- IMAGE ...]',
    ],
    [[], 'rkt run needs an image\nrkt: for example: rkt run ./app.aci'],
    [[image('worker'), '--environment=A'], '--environment "A": has no "=value"\nrkt: write NAME=VALUE'],
    [[image('worker'), '--user-label=A'], '--user-label "A": has no "=value"\nrkt: write NAME=VALUE'],
    [
      [image('worker'), '--annotation=A=1'],
      '--annotation "A=1": the name must consist of lower-case letters, digits and "-._~/", with a letter or digit at both ends',
    ],
    [
      [image('worker'), '--annotation=created=today'],
      '--annotation "created=today": the value must be an RFC 3339 timestamp',
    ],
  ])('%j is refused', (args, message) => {
    expect(refusal('run', ...args)).toContain(`rkt: ${message}`);
  });
});
