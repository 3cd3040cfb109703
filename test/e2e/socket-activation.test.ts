/** Apps that expect their sockets to be open: by whoever starts rkt, or by rkt (aci.md, socketActivated; sd_listen_fds(3)). */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { makeActivate, makeActivated } from '../support/activation/programs.ts';
import { type Result, Running, rktPath, Sandbox } from '../support/sandbox.ts';

jest.setTimeout(60_000);

const web = 'example.com/web';
const dns = 'example.com/dns';
const plain = 'example.com/plain';
let host: Sandbox;
const file = (name: string): string => join(host.dir, name);

async function addImage(name: string, ports: readonly object[], more: object = {}): Promise<void> {
  const output = file('image.aci');
  const prepare = (rootfs: string): void => makeActivated(join(rootfs, 'bin', 'activated'));
  await makeImage({ name, exec: ['/bin/activated'], output, app: { ports, ...more }, prepare });
  host.ok(['--insecure-options=image', 'fetch', output]);
}

const port = (name: string, protocol: string, number: number, more: object = {}): object => ({
  ...{ name, protocol, port: number, socketActivated: true },
  ...more,
});

beforeAll(async () => {
  host = await Sandbox.create();
  makeActivate(file('activate'));
  await addImage(web, [port('http', 'tcp', 80), port('plain', 'tcp', 9, { socketActivated: false })]);
  await addImage(dns, [port('dns', 'tcp', 53), port('dns-udp', 'udp', 53)]);
  await addImage(plain, []);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers().filter((line) => line !== 'file /run/rkt/private-users/lock')).toEqual([]);
  expect(host.uuids()).toEqual([]);
});

afterAll(() => host.destroy());

const command = (sockets: readonly string[], rkt: readonly string[]): string[] => [
  file('activate'),
  ...sockets,
  '--',
  rktPath,
  ...rkt,
];

/** Starts rkt with sockets. */
const activated = (sockets: readonly string[], ...rkt: string[]): Running =>
  new Running(host.spawn(command(sockets, rkt), ['pipe', 'pipe', 'pipe']));

/** The same for what ends by itself. */
const refused = (sockets: readonly string[], ...rkt: string[]): Result => host.exec(command(sockets, rkt));

const ask = (where: string, text = 'hello'): string =>
  host.exec([file('activate'), 'ask', ...where.split(' '), text], { timeout: 20_000 }).stdout;

async function stop(pod: Running): Promise<void> {
  pod.child.kill('SIGTERM');
  await pod.ended;
}

const told = (app: string, names: string, count = names.split(':').length): string =>
  `${app}: LISTEN_FDS=${count} LISTEN_FDNAMES=${names} LISTEN_PID is ours; open: ${['0 1 2', ...Array.from({ length: count }, (_, i) => i + 3)].join(' ')}\n`;

const onNetwork = ['--private-net', '--mds-register=false'];

describe('a socket-activated port', () => {
  test.each([
    ['on the network of the host', []],
    ['on a private network', onNetwork],
    ['without a network', ['--net=none']],
    ['of a pod with users of its own', [...onNetwork, '--private-users']],
  ])('%s is a socket that rkt was started with', async (_, options) => {
    const pod = activated(['tcp:127.0.0.1:80'], 'run', ...options, web);
    expect(ask('tcp 127.0.0.1 80')).toBe('web http hello\n');
    // Ours is open while the program runs: the connection.
    expect(ask('tcp 127.0.0.1 80', 'fds')).toBe('web http 0 1 2 3 4\n');
    await stop(pod);
    expect(pod.stdout).toBe(told('web', 'http'));
    expect(pod.stderr).toBe('');
  });

  test('is looked for at the port of the host that --port says, and nothing is forwarded to it', async () => {
    for (const options of [[], onNetwork]) {
      const pod = activated(['tcp6:8080'], 'run', ...options, '--port=http:8080', web);
      expect(ask('tcp 127.0.0.1 8080')).toBe('web http hello\n');
      expect(host.exec(['nft', 'list', 'ruleset']).stdout).not.toContain('rkt-ports');
      await stop(pod);
    }
  });

  test('can have several sockets, whose names the service manager gives', async () => {
    const sockets = ['-n', 'one.socket:two.socket', 'tcp:127.0.0.1:80', 'tcp:127.0.0.2:80'];
    const pod = activated(sockets, 'run', web);
    expect(ask('tcp 127.0.0.2 80')).toBe('web two.socket hello\n');
    expect(ask('tcp 127.0.0.1 80')).toBe('web one.socket hello\n');
    await stop(pod);
    expect(pod.stdout).toBe(told('web', 'one.socket:two.socket'));
  });

  test('is every app’s own, by protocol and port', async () => {
    const sockets = ['udp:127.0.0.1:53', 'tcp:127.0.0.1:80', 'tcp:127.0.0.1:53'];
    const pod = activated(sockets, 'run', '--prefix=never', web, '---', dns, '---', plain, '--', 'quiet');
    expect(ask('udp 127.0.0.1 53')).toBe('dns dns-udp hello\n');
    expect(ask('tcp 127.0.0.1 53')).toBe('dns dns hello\n');
    expect(ask('tcp 127.0.0.1 80')).toBe('web http hello\n');
    await stop(pod);
    const lines = [
      told('dns', 'dns-udp:dns'),
      'plain: LISTEN_FDS=unset LISTEN_FDNAMES=unset LISTEN_PID is unset; open: 0 1 2\n',
      told('web', 'http'),
    ];
    expect(pod.stdout.split(/(?<=\n)/).sort()).toEqual(lines);
  });

  test('survives restarts of its app, with the connections that wait in it', async () => {
    const pod = activated(['tcp:127.0.0.1:80'], 'run', '--restart=always', web);
    for (const code of [1, 0, 7]) expect(ask('tcp 127.0.0.1 80', `exit ${code}`)).toBe(`web http exit ${code}\n`);
    expect(ask('tcp 127.0.0.1 80', 'fds')).toBe('web http 0 1 2 3 4\n');
    await stop(pod);
    expect(pod.stdout).toBe(told('web', 'http').repeat(4));
  });

  test('is there for pods in the background', () => {
    const uuid = refused(['tcp:127.0.0.1:80'], 'run', '--detach', web).stdout.trim();
    expect(ask('tcp 127.0.0.1 80')).toBe('web http hello\n');
    host.ok(['stop', uuid]);
    // Nobody has the socket any more.
    expect(host.exec(['ss', '-Hltn', 'sport = :80']).stdout).toBe('');
  });

  test('is there for prepared pods, and is looked for when they are started', async () => {
    const uuid = host.ok(['prepare', '--port=http:8080', web]).trim();
    expect(refused(['tcp6:80'], 'run-prepared', uuid)).toMatchObject({
      status: 254,
      stderr:
        'rkt: rkt was started with a socket that no app of the pod expects: tcp [::]:80 (descriptor 3)\n' +
        'rkt: none is at port 80; expected is tcp 8080 for port "http" of app "web"\n',
    });
    expect(host.ok(['status', uuid])).toContain('state=prepared\n');
    const pod = activated(['tcp6:8080'], 'run-prepared', uuid);
    expect(ask('tcp 127.0.0.1 8080')).toBe('web http hello\n');
    await stop(pod);
  });

  test('is there for pods of a manifest, which may say that a port is socket-activated', async () => {
    const uuid = host.ok(['prepare', web]).trim();
    const manifest = JSON.parse(host.ok(['cat-manifest', uuid])) as { ports: object[] };
    host.ok(['rm', uuid]);
    const podPort = { name: 'plain', protocol: 'tcp', port: 9, socketActivated: true };
    manifest.ports = [
      { name: 'http', hostPort: 8080, hostIP: '127.0.0.1' },
      { name: 'plain', hostPort: 8009, podPort },
    ];
    writeFileSync(file('manifest.json'), JSON.stringify(manifest));
    const pod = activated(
      ['tcp:127.0.0.1:8009', 'tcp:127.0.0.1:8080'],
      'run',
      `--pod-manifest=${file('manifest.json')}`,
    );
    expect(ask('tcp 127.0.0.1 8080')).toBe('web http hello\n');
    expect(ask('tcp 127.0.0.1 8009')).toBe('web plain hello\n');
    await stop(pod);
    expect(refused(['tcp:127.0.0.2:8080'], 'run', `--pod-manifest=${file('manifest.json')}`).stderr).toBe(
      'rkt: rkt was started with a socket that no app of the pod expects: tcp 127.0.0.2:8080 (descriptor 3)\n' +
        'rkt: port "http" of app "web" expects it at exactly 127.0.0.1:8080: let the socket unit have ListenStream=127.0.0.1:8080, or leave the address out of --port\n',
    );
  });
});

describe('started by systemd-socket-activate', () => {
  test('rkt runs systemd-socket-proxyd, which leads to a server without a word of this', async () => {
    const output = file('proxy.aci');
    const proxyd = '/usr/lib/systemd/systemd-socket-proxyd';
    await makeImage({
      name: 'example.com/proxy',
      exec: [proxyd, '127.0.0.1:80'],
      output,
      programs: [proxyd],
      app: { ports: [port('in', 'tcp', 1)] },
    });
    host.ok(['--insecure-options=image', 'fetch', output]);
    const server = 'while :; do echo "from the pod" | nc -l -p 80; done';
    // It passes on next to nothing of its environment.
    const rkt = [rktPath, `--dir=${host.dataDir}`, 'run', ...onNetwork, '--port=in:8080', 'example.com/proxy'];
    const image = [plain, '--name=server', '--exec=/bin/sh', '--', '-c', server];
    const pod = new Running(
      host.spawn(
        ['systemd-socket-activate', '-l', '127.0.0.1:8080', ...rkt, '---', ...image],
        ['pipe', 'pipe', 'pipe'],
      ),
    );
    await pod.says(/Listening on/);
    expect(ask('tcp 127.0.0.1 8080')).toBe('from the pod\n');
    await stop(pod);
  });
});

describe('what does not fit is refused before there is a pod', () => {
  const image = (name: string): string[] => ['run', name];
  test.each([
    [
      'a socket of the other protocol',
      ['udp:127.0.0.1:80'],
      image(web),
      'rkt was started with a socket that no app of the pod expects: udp 127.0.0.1:80 (descriptor 3)\n' +
        'rkt: port "http" of app "web" is tcp: let the socket unit have ListenStream=80 instead of ListenDatagram=\n',
    ],
    [
      'a socket that no app expects',
      ['-n', 'web:more', 'tcp:127.0.0.1:80', 'tcp6:81'],
      image(web),
      'rkt was started with a socket that no app of the pod expects: tcp [::]:81 (descriptor 4, "more")\n' +
        'rkt: none is at port 81; expected is tcp 80 for port "http" of app "web"\n',
    ],
    [
      'a socket for a pod without such a port',
      ['tcp:127.0.0.1:80'],
      image(plain),
      'rkt was started with a socket that no app of the pod expects: tcp 127.0.0.1:80 (descriptor 3)\n' +
        'rkt: no port of the pod is socket-activated; "socketActivated" of a port in the image manifest says so\n',
    ],
    [
      'a single connection',
      ['connected:80'],
      image(web),
      'taking over the sockets that rkt was started with: tcp 127.0.0.1:80 (descriptor 3) does not accept connections\n' +
        'rkt: let the socket unit have Accept=no: the app gets the socket that listens, and not a single connection\n',
    ],
    [
      'a unix socket',
      ['-n', 'x', 'unix:/tmp/rkt-test-socket'],
      image(web),
      'taking over the sockets that rkt was started with: descriptor 3 ("x") is not a socket of a TCP or UDP port, and ports are all that an app can expect\n' +
        'rkt: let the socket unit have ListenStream= and ListenDatagram= with ports only\n',
    ],
    [
      'what is no socket',
      ['null'],
      image(web),
      'taking over the sockets that rkt was started with: descriptor 3 is no socket\n' +
        'rkt: let the socket unit have ListenStream= and ListenDatagram= with ports only\n',
    ],
    [
      'a count that is none',
      ['-c', 'many', 'tcp:127.0.0.1:80'],
      image(web),
      'taking over the sockets that rkt was started with: LISTEN_FDS is "many", not a number\n',
    ],
    [
      'other names than sockets',
      ['-n', 'a:b', 'tcp:127.0.0.1:80'],
      image(web),
      'taking over the sockets that rkt was started with: LISTEN_FDNAMES names 2 descriptors, and LISTEN_FDS says 1\n',
    ],
    [
      'two apps at one port',
      ['tcp:127.0.0.1:80'],
      ['run', web, '---', web, '--name=other'],
      'apps "web" and "other" expect the socket tcp 80 for ports "http" and "http"\n',
    ],
    [
      'two apps at one port of their network',
      [],
      ['run', ...onNetwork, web, '---', web, '--name=other'],
      'apps "web" and "other" expect the socket tcp 80 of the pod\'s network for ports "http" and "http"\n',
    ],
    [
      'a port of the host for a pod on its network',
      [],
      ['run', '--port=http:8080', web],
      '--port is for pods on a private network: on that of the host an app listens there itself\n' +
        'rkt: add --private-net, or leave out --port\n',
    ],
    [
      'a forwarded port without a network',
      [],
      ['run', '--net=none', '--port=http:8080', web],
      'port "http" cannot be forwarded: the pod is not on the default network\n' +
        'rkt: only pods on the network "default" are reached from outside\n',
    ],
  ])('%s', (_, sockets, rkt, message) => {
    const { status, stdout, stderr } = refused(sockets, ...rkt);
    host.exec(['rm', '-f', '/tmp/rkt-test-socket']);
    expect([status, stdout, stderr]).toEqual([254, '', `rkt: ${message}`]);
  });

  test('an app that could administer the host’s network by it', () => {
    const admin = [web, '--caps-retain=CAP_NET_ADMIN'];
    expect(refused(['tcp6:80'], 'run', ...onNetwork, ...admin)).toEqual({
      status: 254,
      signal: null,
      stdout: '',
      stderr:
        'rkt: app "web" has CAP_NET_ADMIN, and with the socket that was passed for it also in the host\'s network\n' +
        'rkt: take the capability from it, give the pod users of its own (--private-users), or let rkt open the socket in the pod\n',
    });
  });

  test('a stage1 of somebody else’s', async () => {
    const { makeTinyStage1 } = await import('../support/tiny-stage1.ts');
    const output = file('stage1.aci');
    await makeTinyStage1({ output });
    const { status, stderr } = refused(
      ['tcp:127.0.0.1:80'],
      ...['--insecure-options=image', 'run', `--stage1-path=${output}`, web],
    );
    expect(status).toBe(254);
    expect(stderr).toMatch(
      /\nrkt: stage1 example.com\/tiny-stage1:0.0.1 cannot hand over sockets, and rkt was started with some\nrkt: run the pod by the built-in stage1\n$/,
    );
  });
});

const opened = (): string[] =>
  host
    .exec(['ss', '-Hltun'])
    .stdout.split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(/\s+/))
    .map(([protocol, , , , address]) => `${protocol} ${address}`);

describe('a socket that nobody has passed is opened by rkt', () => {
  test('in the network of the pod, at the number of the port; --port leads to it', async () => {
    const pod = host.start(['run', ...onNetwork, '--port=http:8080', web]);
    expect(ask('tcp 127.0.0.1 8080')).toBe('web http hello\n');
    const [, address] = /ip4=([0-9.]+)/.exec(host.ok(['list', '--full'])) as string[];
    expect(ask(`tcp ${address} 80`)).toBe('web http hello\n');
    expect(ask('tcp 127.0.0.1 8080', 'fds')).toBe('web http 0 1 2 3 4\n');
    expect(opened()).toEqual([]);
    await stop(pod);
    expect([pod.stdout, pod.stderr]).toEqual([told('web', 'http'), '']);
  });

  test('in that of the host, for IPv6 and IPv4, and is gone with the pod', async () => {
    const pod = host.start(['run', web]);
    expect(ask('tcp 127.0.0.1 80')).toBe('web http hello\n');
    expect(opened()).toEqual(['tcp *:80']);
    await stop(pod);
    expect(opened()).toEqual([]);
    expect([pod.stdout, pod.stderr]).toEqual([told('web', 'http'), '']);
  });

  test.each([
    ['without a network', ['--net=none']],
    ['with users of its own', [...onNetwork, '--private-users']],
    ['in the background', [...onNetwork, '--detach']],
  ])('for pods %s', async (_, options) => {
    const pod = host.start(['run', ...options, web]);
    if (options.includes('--detach')) {
      await pod.ended;
      expect(host.ok(['logs', pod.stdout.trim()])).toContain('LISTEN_PID is ours');
      host.ok(['stop', pod.stdout.trim()]);
    } else {
      await pod.prints(/LISTEN_PID is ours; open: 0 1 2 3\n/);
      await stop(pod);
    }
  });

  test('for apps that could not open it themselves', async () => {
    await addImage('example.com/user', [port('http', 'tcp', 80)], { user: '1000', group: '1000' });
    const pod = host.start(['run', ...onNetwork, '--port=http:8080', 'example.com/user', '--caps-retain=CAP_KILL']);
    await pod.prints(/LISTEN_PID is ours/);
    expect(ask('tcp 127.0.0.1 8080')).toBe('user http hello\n');
    await stop(pod);
  });

  test('for every app its own, of UDP as well', async () => {
    const ports = ['--port=http:8080', '--port=dns:5353', '--port=dns-udp:5353'];
    const pod = host.start(['run', '--prefix=never', ...onNetwork, ...ports, web, '---', dns]);
    expect(ask('udp 127.0.0.1 5353')).toBe('dns dns-udp hello\n');
    expect(ask('tcp 127.0.0.1 5353')).toBe('dns dns hello\n');
    expect(ask('tcp 127.0.0.1 8080')).toBe('web http hello\n');
    await stop(pod);
    expect(pod.stdout.split(/(?<=\n)/).sort()).toEqual([told('dns', 'dns:dns-udp'), told('web', 'http')]);
  });

  test('beside those that were passed, which come first', async () => {
    const ports = ['--port=dns-udp:53', '--port=dns:5353'];
    const pod = activated(['udp:127.0.0.1:53'], 'run', ...onNetwork, ...ports, dns);
    expect(ask('udp 127.0.0.1 53')).toBe('dns dns-udp hello\n');
    expect(ask('tcp 127.0.0.1 5353')).toBe('dns dns hello\n');
    await stop(pod);
    expect(pod.stdout).toBe(told('dns', 'dns-udp:dns'));
  });

  test('and survives restarts of its app, with the connections that wait in it', async () => {
    for (const [options, place] of [
      [[], 'tcp 127.0.0.1 80'],
      [[...onNetwork, '--port=http:8080'], 'tcp 127.0.0.1 8080'],
    ] as const) {
      const pod = host.start(['run', ...options, '--restart=always', web]);
      for (const code of [1, 0, 7]) expect(ask(place, `exit ${code}`)).toBe(`web http exit ${code}\n`);
      // Accepted by the kernel before there is an app again, and answered by that.
      expect(ask(place, 'fds')).toBe('web http 0 1 2 3 4\n');
      await stop(pod);
      expect(pod.stdout).toBe(told('web', 'http').repeat(4));
    }
  });

  test('for prepared pods, when they are started', async () => {
    const uuid = host.ok(['prepare', '--port=http:8080', web]).trim();
    const pod = host.start(['run-prepared', ...onNetwork, uuid]);
    expect(ask('tcp 127.0.0.1 8080')).toBe('web http hello\n');
    await stop(pod);
  });

  test('unless its port is taken, which ends the pod with a word about it', async () => {
    const pod = host.start(['run', web]);
    expect(ask('tcp 127.0.0.1 80')).toBe('web http hello\n');
    const { status, stdout, stderr } = host.rkt(['run', web]);
    expect([status, stdout, stderr]).toEqual([
      254,
      '',
      'rkt: starting the pod: opening tcp port 80 for port "http" of app "web": Address already in use\n',
    ]);
    await stop(pod);
  });

  test('not for a stage1 of somebody else’s, which knows the ports from the manifest', async () => {
    const { makeTinyStage1 } = await import('../support/tiny-stage1.ts');
    await makeTinyStage1({ output: file('stage1.aci') });
    const options = ['--insecure-options=image', 'run', `--stage1-path=${file('stage1.aci')}`];
    const { stderr } = host.rkt([...options, '--net=none', web]);
    expect(stderr).not.toContain('socket');
    expect(host.ok(['list', '--no-legend'])).toMatch(/ {2}exited {2}/);
  });
});

test('sockets for another process are none of ours, and not the app’s either', () => {
  const env = { LISTEN_PID: '1', LISTEN_FDS: '1', LISTEN_FDNAMES: 'x' };
  const args = ['run', '--inherit-env', plain, '--', 'quiet'];
  expect(host.ok(args, { env })).toBe(
    'plain: LISTEN_FDS=unset LISTEN_FDNAMES=unset LISTEN_PID is unset; open: 0 1 2\n',
  );
});

test('what an app says about the variables itself is not what it gets', async () => {
  const mine = ['--set-env=LISTEN_FDS=9', '--set-env=LISTEN_PID=1', '--set-env=LISTEN_FDNAMES=mine'];
  const pod = activated(['tcp:127.0.0.1:80'], 'run', ...mine, web);
  expect(ask('tcp 127.0.0.1 80')).toBe('web http hello\n');
  await stop(pod);
  expect(pod.stdout).toBe(told('web', 'http'));
});

test('a range of ports needs a socket for each', async () => {
  await addImage('example.com/range', [port('many', 'tcp', 7000, { count: 3 })]);
  const pod = activated(
    ['tcp:127.0.0.1:8002', 'tcp:127.0.0.1:8000', 'tcp:127.0.0.1:8001'],
    ...['run', '--port=many:8000', 'example.com/range'],
  );
  expect(ask('tcp 127.0.0.1 8001')).toBe('range many hello\n');
  await stop(pod);
  expect(pod.stdout).toBe(told('range', 'many:many:many'));
});
