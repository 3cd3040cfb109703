/** A pod that knows who it is: the metadata service as apps use it, through real links. */

import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { type Running, Sandbox } from '../support/sandbox.ts';

let host: Sandbox;
let service: Running;

const ask = 'wget -qO- $AC_METADATA_URL/acMetadata/v1';

/** The command line of a pod on a private network that runs a script. */
const pod = (script: string, ...options: string[]): string[] => [
  ...['run', '--private-net', ...options, 'example.com/busybox'],
  ...['--exec', '/bin/sh', '--', '-c', script],
];

/** A pod that says its uuid, then obeys: every line of its input is a script. */
const obedient = (...options: string[]): string[] =>
  pod(`${ask}/pod/uuid; echo; while read -r line; do eval "$line"; done`, ...options);

/** Has an obedient pod run a script; its output. */
async function tell(running: Running, script: string): Promise<string> {
  const before = running.stdout.length;
  running.child.stdin?.write(`${script}; echo "<end $?>"\n`);
  const match = await running.prints(new RegExp(`^[\\s\\S]{${before}}([\\s\\S]*)<end (\\d+)>\n`));
  return match[1] as string;
}

async function start(...options: string[]): Promise<{ running: Running; uuid: string }> {
  const running = host.start(obedient(...options));
  const [, uuid] = await running.prints(/^([0-9a-f-]{36})\n/);
  return { running, uuid: uuid as string };
}

async function end(running: Running): Promise<void> {
  running.child.stdin?.end();
  expect(await running.ended).toEqual({ status: 0, signal: null });
}

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'busybox.aci');
  await makeImage({
    name: 'example.com/busybox',
    exec: ['/bin/sh'],
    output: file,
    annotations: [{ name: 'authors', value: 'Carly Container' }],
  });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
  service = await host.metadataService();
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers({ service: true })).toEqual([]);
});

afterAll(async () => {
  service.child.kill('SIGTERM');
  expect(await service.ended).toEqual({ status: 0, signal: null });
  expect(host.leftovers()).toEqual([]);
  await host.destroy();
});

describe('the first instruction of an app', () => {
  test('may ask who it is', () => {
    const direct = ['--exec', '/bin/wget', '--', '-qO-', 'http://169.254.169.255/acMetadata/v1/pod/uuid'];
    const uuid = host.ok(['run', '--private-net', 'example.com/busybox', ...direct]);
    expect(host.uuids()).toEqual([uuid]);
  });

  test('gets its own answer when 20 pods start at once', async () => {
    const pods = Array.from({ length: 20 }, (_, index) =>
      host.start([
        ...['run', '--private-net', `--uuid-file-save=${host.dir}/uuid-${index}`, 'example.com/busybox'],
        ...['--exec', '/bin/wget', '--', '-qO-', 'http://169.254.169.255/acMetadata/v1/pod/uuid'],
      ]),
    );
    const ends = await Promise.all(pods.map((running) => running.ended));
    expect(pods.map(({ stderr }) => stderr).join('')).toBe('');
    expect(ends).toEqual(ends.map(() => ({ status: 0, signal: null })));
    const saved = pods.map((_, index) => host.exec(['cat', `${host.dir}/uuid-${index}`]).stdout.trim());
    expect(pods.map(({ stdout }) => stdout)).toEqual(saved);
    expect(new Set(saved).size).toBe(20);
  }, 120_000);
});

describe('what a pod is told', () => {
  test('is what rkt shows from outside', async () => {
    const { running, uuid } = await start();
    expect(host.ok(['list', '--full', '--no-legend'])).toContain(`${uuid}  busybox`);
    expect(JSON.parse(await tell(running, `${ask}/pod/manifest; echo`))).toEqual(
      JSON.parse(host.ok(['cat-manifest', uuid])),
    );
    expect(await tell(running, `${ask}/pod/annotations; echo`)).toBe('[]\n');
    expect(JSON.parse(await tell(running, `${ask}/apps/$AC_APP_NAME/annotations; echo`))).toEqual([
      { name: 'authors', value: 'Carly Container' },
    ]);
    const manifest = JSON.parse(await tell(running, `${ask}/apps/$AC_APP_NAME/image/manifest; echo`));
    expect(manifest).toMatchObject({ acKind: 'ImageManifest', name: 'example.com/busybox' });
    expect(await tell(running, `${ask}/apps/$AC_APP_NAME/image/id; echo`)).toMatch(/^sha512-[0-9a-f]{128}\n$/);
    await end(running);
  });

  test('includes a network: address, default route, route to the service, and a way to the host', async () => {
    const { running } = await start();
    const [, ip] = /default:ip4=(\S+)/.exec(host.ok(['list'])) as RegExpExecArray;
    expect(await tell(running, 'ip -4 -o address show dev eth0')).toContain(`inet ${ip}/31`);
    const routes = await tell(running, 'ip route');
    const gateway = /default via (\S+)/.exec(routes)?.[1];
    expect(routes).toMatch(/169\.254\.169\.255 via/);
    expect(await tell(running, `ping -c 1 -W 2 ${gateway} >/dev/null && echo reached`)).toBe('reached\n');
    await end(running);
  });

  test('on the host’s network comes by the token alone', () => {
    const run = (script: string) =>
      host.rkt(['run', '--mds-register', 'example.com/busybox', '--exec', '/bin/sh', '--', '-c', script]);
    const { stdout } = run(`${ask}/pod/uuid`);
    expect(host.uuids()).toEqual([stdout]);
    expect(run('wget -qO- http://169.254.169.255/acMetadata/v1/pod/uuid').status).not.toBe(0);
  });
});

describe('signatures', () => {
  const sign = (content: string): string => `${ask}/pod/hmac/sign --post-data content=${content}; echo`;
  /** The exit code of busybox’s wget is 0 for status 200 only. */
  const verify = (uuid: string, content: string, signature: string): string =>
    `${ask}/pod/hmac/verify --post-data "uuid=${uuid}&content=${content}&signature=${encodeURIComponent(signature.trim())}" 2>&1 >/dev/null; echo " $?"`;
  const refused = /403 Forbidden[\s\S]* 1\n$/;

  test('of one pod are verified by another, and refused when anything is altered', async () => {
    const [one, two] = await Promise.all([start(), start()]);
    const signature = await tell(one.running, sign('attack-at-dawn'));
    expect(signature).toMatch(/^[A-Za-z0-9+/]{86}==\n$/);
    expect(await tell(two.running, verify(one.uuid, 'attack-at-dawn', signature))).toBe(' 0\n');
    expect(await tell(two.running, verify(one.uuid, 'attack-at-noon', signature))).toMatch(refused);
    expect(await tell(two.running, verify(two.uuid, 'attack-at-dawn', signature))).toMatch(refused);
    await Promise.all([end(one.running), end(two.running)]);
  });

  test('outlive kill -9 and a restart of the service, as do registrations', async () => {
    const { running, uuid } = await start();
    const signature = await tell(running, sign('before'));
    service.child.kill('SIGKILL');
    await service.ended;
    service = await host.metadataService();
    expect(await tell(running, `${ask}/pod/uuid; echo`)).toBe(`${uuid}\n`);
    expect(await tell(running, verify(uuid, 'before', signature))).toBe(' 0\n');
    await end(running);
  });

  test('a pod that ended while the service was down is not served again', async () => {
    const { running } = await start();
    service.child.kill('SIGKILL');
    await service.ended;
    await end(running);
    service = await host.metadataService();
    const pods = host.exec(['curl', '-s', '--unix-socket', '/run/rkt/metadata-svc.sock', 'http://rkt/v1/pods']);
    expect(pods.stdout).not.toContain('"ip"');
  });
});

describe('without a running service', () => {
  test('a private network fails at once, and leaves nothing', async () => {
    const alone = await Sandbox.create();
    try {
      const { status, stderr } = alone.rkt(['run', '--private-net', 'example.com/busybox']);
      expect([status, stderr]).toEqual([
        254,
        'rkt: the metadata service is not running\n' +
          'rkt: start it with "rkt metadata-service", or let this pod bring its own with --spawn-metadata-svc\n',
      ]);
      expect(alone.leftovers()).toEqual([]);
      expect(alone.uuids()).toEqual([]);
    } finally {
      await alone.destroy();
    }
  });

  test('--mds-register=false does without, --spawn-metadata-svc brings one that ends with its last pod', async () => {
    const alone = await Sandbox.create();
    try {
      const file = join(host.dir, 'busybox.aci');
      alone.ok(['-insecure-skip-verify', 'fetch', file]);
      expect(alone.rkt(pod('ip route | head -n 1', '--mds-register=false')).stdout).toMatch(/^default via /);
      const uuid = alone.ok(pod(`${ask}/pod/uuid`, '--spawn-metadata-svc'));
      expect(alone.uuids()).toContain(uuid);
      // The service is nobody's child here; its socket goes when it has ended.
      alone.exec(['sh', '-c', 'while test -e /run/rkt/metadata-svc.sock; do sleep 0.05; done']);
      alone.ok(['gc', '--grace-period=0s']);
      expect(alone.leftovers()).toEqual([]);
    } finally {
      await alone.destroy();
    }
  });
});
