/** Which name servers of the host a pod gets, from the files that the host really has. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { Sandbox } from '../support/sandbox.ts';

const image = 'example.com/box';
const isolated = ['--private-net', '--mds-register=false'];
let host: Sandbox;
let file: string;

beforeAll(async () => {
  host = await Sandbox.create();
  const output = join(host.dir, 'box.aci');
  await makeImage({ name: image, exec: ['/bin/cat', '/etc/resolv.conf'], output });
  host.ok(['-insecure-skip-verify', 'fetch', output]);
  file = join(host.dir, 'resolv.conf');
  writeFileSync(file, '');
  expect(host.exec(['mount', '--bind', file, '/etc/resolv.conf']).status).toBe(0);
  // Where systemd-resolved writes the servers that its stub asks.
  host.exec(['mkdir', '-p', '/run/systemd/resolve']);
  mkdirSync(join(host.dir, 'upstream'));
  expect(host.exec(['mount', '--bind', join(host.dir, 'upstream'), '/run/systemd/resolve']).status).toBe(0);
});

afterEach(() => {
  host.exec(['rm', '-f', '/run/systemd/resolve/resolv.conf']);
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

const seen = (...options: string[]): string => host.ok(['run', ...options, image]);
const upstream = (text: string): void => writeFileSync(join(host.dir, 'upstream', 'resolv.conf'), text);
const mixed = 'search example.net\nnameserver 127.0.0.53\nnameserver 192.0.2.7\nnameserver ::1\noptions edns0\n';

describe('on a private network', () => {
  test.each([[], ['--dns=host']])('servers on loopback addresses of the host are left out: %j', (...options) => {
    writeFileSync(file, mixed);
    expect(seen(...isolated, ...options)).toBe('search example.net\nnameserver 192.0.2.7\noptions edns0\n');
  });

  test.each([[], ['--dns=host']])('behind a stub, those that it asks: %j', (...options) => {
    writeFileSync(file, 'nameserver 127.0.0.53\noptions trust-ad\n');
    upstream('nameserver 192.0.2.8\nnameserver 127.0.0.1\nsearch corp.example\n');
    expect(seen(...isolated, ...options)).toBe('nameserver 192.0.2.8\nsearch corp.example\n');
  });

  test('where no other is known, the image’s own file counts, and with --dns=host the host’s as it is', () => {
    const stub = 'nameserver 127.0.0.53\n';
    writeFileSync(file, stub);
    expect(host.rkt(['run', ...isolated, image]).stdout).not.toContain('127.0.0.53');
    expect(seen(...isolated, '--dns=host')).toBe(stub);
  });
});

test.each([[], ['--dns=host'], ['--net=host', '--dns=host']])(
  'on the network of the host they all count: %j',
  (...options) => {
    writeFileSync(file, mixed);
    expect(seen(...options)).toBe(mixed);
  },
);

test('the file is read at the start: what the host changes later does not reach the pod', async () => {
  writeFileSync(file, 'nameserver 192.0.2.1\n');
  const pod = host.start([
    'run',
    '--dns=host',
    image,
    '--exec=/bin/sh',
    '--',
    '-c',
    'echo up; read line; cat /etc/resolv.conf',
  ]);
  await pod.prints(/up\n/);
  writeFileSync(file, 'nameserver 192.0.2.2\n');
  pod.child.stdin?.end('\n');
  await pod.ended;
  expect(pod.stdout).toBe('up\nnameserver 192.0.2.1\n');
});
