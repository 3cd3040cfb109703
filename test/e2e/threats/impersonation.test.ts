/** A hostile pod that wants to be taken for another one, over real links. */

import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { type Running, Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;
let service: Running;
let victim: Running;
let victimUrl: string;
let victimAddress: string;

const shell = (script: string, ...options: string[]): string[] => [
  ...['run', '--private-net', ...options, 'example.com/busybox', '--exec', '/bin/sh', '--', '-c', script],
];

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'busybox.aci');
  await makeImage({ name: 'example.com/busybox', exec: ['/bin/true'], output: file, programs: ['/usr/bin/curl'] });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
  service = await host.metadataService();
  const script =
    'wget -qO- $AC_METADATA_URL/acMetadata/v1/pod/uuid; echo " $AC_METADATA_URL $(ip -4 -o address show dev eth0)"; cat';
  victim = host.start(shell(script));
  const match = await victim.prints(/^(\S+) (\S+) .* inet ([\d.]+)\/31/);
  [victimUrl, victimAddress] = match.slice(2) as [string, string];
});

afterAll(async () => {
  victim.child.stdin?.end();
  await victim.ended;
  service.child.kill('SIGTERM');
  await service.ended;
  await host.destroy();
});

test('a stolen token is refused from another pod’s address', () => {
  const { status, stdout, stderr } = host.rkt(shell(`wget -O- ${victimUrl}/acMetadata/v1/pod/uuid`));
  expect(status).not.toBe(0);
  expect(stdout).toBe('');
  expect(stderr).toContain('403 Forbidden');
});

test('a stolen token is refused from the host’s network', () => {
  const url = `${victimUrl}/acMetadata/v1/pod/uuid`;
  const { status, stderr } = host.rkt(['run', 'example.com/busybox', '--exec', '/bin/wget', '--', '-O-', url]);
  expect(status).not.toBe(0);
  expect(stderr).toContain('403 Forbidden');
});

test('a forged source address gets no answer, not even from a pod that may configure its network', () => {
  const ask = 'curl -s --max-time 3 http://169.254.169.255/acMetadata/v1/pod/uuid --interface';
  const forge = [
    'own=$(ip -4 -o address show dev eth0 | grep -o "172[^/]*" | head -n 1)',
    `ip address add ${victimAddress}/32 dev eth0`,
    // The control: the same request with the pod's own address is answered.
    `${ask} $own >/dev/null && echo answered`,
    `${ask} ${victimAddress} || echo "no answer"`,
  ].join('; ');
  const { stdout } = host.rkt(shell(forge, '--insecure-options=capabilities'));
  expect(stdout).toBe('answered\nno answer\n');
});

test('the registration socket cannot be reached from a pod', () => {
  const { status, stderr } = host.rkt(shell('ls /run/rkt/metadata-svc.sock'));
  expect(status).not.toBe(0);
  expect(stderr).toContain('No such file or directory');
});

test('requests that a proxy in a pod would be tricked into are refused', () => {
  const ask = (header: string): string => {
    const url = 'http://169.254.169.255/acMetadata/v1/pod/uuid';
    return host.rkt(shell(`wget -O- --header "${header}" ${url} 2>&1 || true`)).stdout;
  };
  expect(ask('X-Forwarded-For: 1.2.3.4')).toMatch(/HTTP\/1\.1 40[03]/);
  expect(ask('Forwarded: for=1.2.3.4')).toMatch(/HTTP\/1\.1 40[03]/);
  expect(ask('Host: metadata.example.com')).toMatch(/HTTP\/1\.1 40[03]/);
});
