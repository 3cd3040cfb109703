/** `rkt run --port`: what is forwarded as long as the pod lives, and what is said where it cannot be. */

import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { type Running, Sandbox } from '../support/sandbox.ts';

const image = 'example.com/server';
const onNetwork = ['--private-net', '--mds-register=false'];
let host: Sandbox;

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'server.aci');
  await makeImage({
    name: image,
    // Ready once a connection within the pod was answered, which each of its servers does for one.
    exec: [
      '/bin/sh',
      '-c',
      'while :; do echo "from the pod" | nc -l -p 80; done & until nc 127.0.0.1 80 < /dev/null; do :; done; echo up; read line; exit 0',
    ],
    output: file,
    app: { ports: [{ name: 'http', protocol: 'tcp', port: 80 }] },
  });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

async function withServer(port: string, work: (uuid: string, pod: Running) => void | Promise<void>): Promise<void> {
  const known = new Set(host.uuids());
  const pod = host.start(['run', ...onNetwork, `--port=${port}`, image]);
  await pod.prints(/up\n/);
  await work(host.uuids().find((uuid) => !known.has(uuid)) as string, pod);
  if (pod.child.signalCode === null) pod.child.kill('SIGTERM');
  await pod.ended;
}

/** The server of the pod may be between two connections, or hear that we have nothing to say before it has something. */
const ask = (address: string): string =>
  host.exec(['sh', '-c', `until busybox nc ${address} 8080 < /dev/null | grep .; do :; done`], { timeout: 10_000 })
    .stdout;
const elements = (): string => host.exec(['nft', 'list', 'map', 'ip', 'rkt-ports', 'any']).stdout;

test('a port of the host leads to the pod, and is in its manifest', async () => {
  await withServer('http:8080', (uuid) => {
    expect(ask('127.0.0.1')).toBe('from the pod\n');
    expect(JSON.parse(host.ok(['cat-manifest', uuid])).ports).toEqual([{ name: 'http', hostPort: 8080 }]);
  });
});

test('the monitor gives it back, and another pod can have it before any gc', async () => {
  await withServer('http:8080', () => {
    expect(elements()).toContain('tcp . 8080');
  });
  expect(elements()).not.toContain('elements');
  await withServer('http:8080', () => {
    expect(ask('127.0.0.1')).toBe('from the pod\n');
    // What gc does for the first pod does not take the port from the second.
    host.ok(['gc', '--grace-period=0s']);
    expect(ask('127.0.0.1')).toBe('from the pod\n');
  });
});

test('a port of a pod whose monitor was killed is free for the next', async () => {
  await withServer('http:8080', async (_, pod) => {
    pod.child.kill('SIGKILL');
    await pod.ended;
  });
  expect(elements()).toContain('tcp . 8080');
  await withServer('http:8080', () => {
    expect(ask('127.0.0.1')).toBe('from the pod\n');
  });
});

test('a port that a living pod has is refused, and that pod is named', async () => {
  await withServer('http:8080', (uuid) => {
    expect(host.rkt(['run', ...onNetwork, '--port=http:8080', image])).toMatchObject({
      status: 254,
      stderr: `rkt: port 8080 (tcp) of the host is forwarded to pod ${uuid} already\nrkt: choose another port, or stop that pod\n`,
    });
    expect(ask('127.0.0.1')).toBe('from the pod\n');
  });
});

test('mistakes leave no pod behind', () => {
  const failure = (...args: string[]): string => host.rkt(['run', ...args, image]).stderr;
  expect(failure(...onNetwork, '--port=web:8080')).toBe(
    'rkt: no app of the pod has a port named "web"\nrkt: there are http\n',
  );
  expect(failure('--port=http:8080')).toBe(
    'rkt: --port is for pods on a private network: on that of the host an app listens there itself\n' +
      'rkt: add --private-net, or leave out --port\n',
  );
  expect(failure(...onNetwork, '--port=http')).toBe(
    'rkt: --port "http": this is not a name and a port\nrkt: write NAME:[HOSTIP:]HOSTPORT\n',
  );
  expect(host.uuids()).toEqual([]);
});
