/** `rkt attach`: getting at the streams of apps that run. */

import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { busybox, shellApp, writeAci } from '../support/acis.ts';
import { type Running, Sandbox } from '../support/sandbox.ts';

let host: Sandbox;

const echo = 'while read line; do echo "got $line"; echo "err $line" >&2; [ "$line" = quit ] && exit 0; done; exit 1';

beforeAll(async () => {
  host = await Sandbox.create();
  const file = writeAci(
    join(host.dir, 'echo.aci'),
    'example.com/echo',
    [
      ...busybox(),
      { path: 'rootfs/bin/seq', type: 'symlink', link: 'busybox' },
      { path: 'rootfs/bin/tty', type: 'symlink', link: 'busybox' },
    ],
    shellApp(echo),
  );
  host.ok(['-insecure-skip-verify', 'fetch', file]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  expect(host.uuids()).toEqual([]);
});

afterAll(() => host.destroy());

const streams = ['--stdin=stream', '--stdout=stream', '--stderr=stream'];

/** A pod that runs; without `--detach`, as its end is seen then. */
async function start(...args: string[]): Promise<{ pod: Running; uuid: string }> {
  const pod = host.start(['run', ...args]);
  for (;;) {
    const [uuid] = host.uuids();
    if (uuid !== undefined && host.rkt(['status', uuid]).stdout.includes('pid=')) return { pod, uuid };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Attaches and waits until it is attached, which an answer shows. */
async function attach(uuid: string, word: string, ...args: string[]): Promise<Running> {
  const reader = host.start(['attach', ...args, uuid]);
  reader.child.stdin?.write(`${word}\n`);
  await reader.prints(new RegExp(`got ${word}\\r?\n`));
  return reader;
}

describe('an app with streams', () => {
  test('is attached to by several, detached from and attached to again', async () => {
    const { pod, uuid } = await start('example.com/echo', ...streams);
    expect(host.ok(['attach', '--mode=list', uuid])).toBe('stdin\nstdout\nstderr\n');
    const one = await attach(uuid, 'first');
    await one.says(/err first\n/);
    const two = await attach(uuid, 'second', '--mode=stdin,stdout');
    await one.says(/err second\n/);
    one.child.kill('SIGINT');
    await one.ended;
    two.child.stdin?.end('third\n');
    await two.prints(/got third\n/);
    expect(host.rkt(['attach', '--mode=stdin', uuid], { input: 'fourth\n' })).toMatchObject({ status: 0, stdout: '' });
    await two.prints(/got fourth\n/);
    const last = await attach(uuid, 'fifth');
    last.child.stdin?.write('quit\n');
    expect([(await last.ended).status, (await two.ended).status, (await pod.ended).status]).toEqual([0, 0, 0]);
    expect([last.stdout, last.stderr]).toEqual(['got fifth\ngot quit\n', 'err fifth\nerr quit\n']);
    expect([two.stdout, two.stderr]).toEqual(['got second\ngot third\ngot fourth\ngot fifth\ngot quit\n', '']);
    expect([pod.stdout, pod.stderr]).toEqual(['', '']);
    const words = ['first', 'second', 'third', 'fourth', 'fifth', 'quit'];
    expect(host.ok(['logs', '--stream=stdout', uuid])).toBe(words.map((word) => `got ${word}\n`).join(''));
  });

  test('is one of several, which has to be named', async () => {
    const { pod, uuid } = await start(
      'example.com/echo',
      '--name=a',
      ...streams,
      '---',
      'example.com/echo',
      '--name=b',
      '--stdin=stream',
    );
    const mistake = host.rkt(['attach', uuid]);
    expect(mistake).toMatchObject({
      status: 254,
      stderr: 'rkt: say with --app which app is meant\nrkt: the pod has a, b\n',
    });
    expect(host.rkt(['attach', '--app=c', uuid]).stderr).toBe(
      `rkt: pod ${uuid} has no app "c"\nrkt: the pod has a, b\n`,
    );
    expect(host.ok(['attach', '--app=b', '--mode=list', uuid])).toBe('stdin\n');
    expect(host.rkt(['attach', '--app=b', '--mode=stdin,stdout', uuid])).toMatchObject({
      status: 254,
      stderr: `rkt: stdout of app "b" of pod ${uuid} cannot be attached to\nrkt: there is stdin\n`,
    });
    const reader = await attach(uuid, 'one', '--app=a');
    reader.child.stdin?.write('quit\n');
    expect((await reader.ended).status).toBe(0);
    expect(host.rkt(['attach', '--app=b', uuid], { input: 'quit\n' }).status).toBe(0);
    expect((await pod.ended).status).toBe(0);
    expect(pod.stdout).toMatch(/^b\[\d+\]: got quit\n$/);
  });

  test('does not wait for an attached one that does not read, who is told', async () => {
    const script = 'read line; seq 1 1000000; echo "got $line"; exit 0';
    const { pod, uuid } = await start('example.com/echo', ...streams, '--exec', '/bin/sh', '--', '-c', script);
    const reader = host.start(['attach', uuid]);
    reader.child.stdin?.write('go\n');
    await reader.prints(/^1\n/);
    reader.child.stdout?.pause();
    const { status } = await pod.ended;
    expect(status).toBe(0);
    reader.child.stdout?.resume();
    // Cut off in the middle, or just fast enough: the pipes on the way hold a part.
    const ending = await reader.ended;
    const isWhole = reader.stdout.endsWith('got go\n');
    expect([ending.status, reader.stderr === '']).toEqual([
      isWhole || reader.stderr === '' ? 0 : 254,
      ending.status === 0,
    ]);
  });
});

describe('an app with a terminal', () => {
  test('is attached to in both directions, and what it shows is logged', async () => {
    const terminal = ['--stdin=tty', '--stdout=tty', '--stderr=tty'];
    const script = 'tty; while read line; do echo "got $line"; [ "$line" = quit ] && exit 3; done';
    const { pod, uuid } = await start('example.com/echo', ...terminal, '--exec', '/bin/sh', '--', '-c', script);
    expect(host.ok(['attach', '--mode=list', uuid])).toBe('tty-in\ntty-out\n');
    const watcher = host.start(['attach', '--mode=tty-out', uuid]);
    // It is there once it shows what somebody types.
    const typist = host.start(['attach', uuid]);
    while (!watcher.stdout.includes('got hello')) {
      typist.child.stdin?.write('hello\n');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const left = await attach(uuid, 'left');
    left.child.stdin?.write('\x1d\x1d\x1d');
    expect((await left.ended).status).toBe(0);
    typist.child.stdin?.write('quit\n');
    await Promise.all([typist.ended, watcher.ended]);
    expect((await pod.ended).status).toBe(3);
    expect(watcher.stdout).toMatch(/quit\r\ngot quit\r\n$/);
    expect(pod.stdout).toBe('');
    expect(host.ok(['logs', uuid])).toMatch(/^\/dev\/pts\/0\r\n[\s\S]*quit\r\ngot quit\r\n$/);
  });
});

describe('what cannot be attached to', () => {
  test('is an app without such streams, a pod that has ended, and something that does not exist', async () => {
    const { pod, uuid } = await start('example.com/echo');
    expect(host.rkt(['attach', uuid])).toMatchObject({
      status: 254,
      stderr:
        `rkt: app "echo" of pod ${uuid} has nothing to attach to\n` +
        'rkt: run it with --stdin, --stdout or --stderr as stream or tty\n',
    });
    expect(host.ok(['attach', '--mode=list', uuid])).toBe('');
    expect(host.rkt(['attach', '--mode=stdot', uuid]).stderr).toContain('rkt: --mode: unknown endpoint "stdot"\n');
    pod.child.stdin?.end('quit\n');
    await pod.ended;
    expect(host.rkt(['attach', uuid])).toMatchObject({ status: 254, stderr: `rkt: pod ${uuid} is not running\n` });
  });
});
