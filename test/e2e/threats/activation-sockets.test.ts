/**
 * Sockets that a pod is activated by are of the host's network, also where the pod has one of its own: whoever has one is on that
 * network with it. So nobody has them but the app that they are for (the class of CVE-2024-21626). Of those that rkt opens that is so too.
 */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { makeActivate, makeActivated } from '../../support/activation/programs.ts';
import { Running, rktPath, Sandbox } from '../../support/sandbox.ts';

jest.setTimeout(60_000);

const server = 'example.com/server';
const idle = 'example.com/idle';
let host: Sandbox;
const file = (name: string): string => join(host.dir, name);

const listing = (when: string): string[] => ['/bin/sh', '-c', `echo ${when}: $(ls /proc/self/fd) \${LISTEN_FDS-none}`];

beforeAll(async () => {
  host = await Sandbox.create();
  makeActivate(file('activate'));
  const ports = [{ name: 'http', protocol: 'tcp', port: 80, socketActivated: true }];
  const eventHandlers = [
    { name: 'pre-start', exec: listing('before') },
    { name: 'post-stop', exec: listing('after') },
  ];
  const prepare = (rootfs: string): void => makeActivated(join(rootfs, 'bin', 'activated'));
  const output = file('image.aci');
  await makeImage({ name: server, exec: ['/bin/activated'], output, app: { ports, eventHandlers }, prepare });
  host.ok(['--insecure-options=image', 'fetch', output]);
  await makeImage({ name: idle, exec: ['/bin/sleep', '1000'], output });
  host.ok(['--insecure-options=image', 'fetch', output]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

async function running(how: string, ...options: string[]): Promise<Running> {
  const images = [server, ...options, '---', idle];
  const by = how === 'passed' ? [file('activate'), 'tcp:127.0.0.1:80', '--'] : [];
  const command = [...by, rktPath, 'run', '--prefix=never', ...images];
  const pod = new Running(host.spawn(command, ['pipe', 'pipe', 'pipe']));
  await pod.prints(/LISTEN_FDS=1 /);
  return pod;
}

const ask = (text: string): string =>
  host.exec([file('activate'), 'ask', 'tcp', '127.0.0.1', '80', text], { timeout: 20_000 }).stdout;

function linksOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

/** Names of the processes of this machine that have the socket. */
function holders(): string[] {
  const listens = '0A';
  const table = host.exec(['cat', '/proc/net/tcp', '/proc/net/tcp6']).stdout.split('\n');
  const inode = table
    .map((line) => line.trim().split(/\s+/))
    .find((words) => words[1]?.endsWith(':0050') && words[3] === listens)?.[9];
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && linksOf(pid).includes(`socket:[${inode}]`))
    .map((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim())
    .sort();
}

async function stop(pod: Running): Promise<void> {
  pod.child.kill('SIGTERM');
  await pod.ended;
}

describe.each(['passed', 'opened'])('sockets that were %s', (how) => {
  test('nobody but the app has them: not the monitor, the init, another app or a handler of its own', async () => {
    const pod = await running(how);
    expect(ask('fds')).toBe('server http 0 1 2 3 4\n');
    expect(holders()).toEqual(['activated']);
    await stop(pod);
    expect(pod.stdout).toMatch(/^before: 0 1 2 3 none\n.*\nafter: 0 1 2 3 none\n$/);
  });

  test('of an app that may be started again the monitor has them too, and nobody else', async () => {
    const pod = await running(how, '--restart=always');
    ask('exit 1');
    expect(ask('fds')).toBe('server http 0 1 2 3 4\n');
    const monitor = readFileSync(`/proc/${pod.pid}/comm`, 'utf8').trim();
    expect(holders()).toEqual(['activated', monitor].sort());
    await stop(pod);
  });

  test('when the app has ended for good nobody has them any more', async () => {
    const pod = await running(how);
    ask('exit 0');
    await pod.prints(/^after: /m);
    expect(holders()).toEqual([]);
    await stop(pod);
  });
});
