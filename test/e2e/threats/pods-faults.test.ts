/**
 * Faults while pods are prepared, run, looked at, exported and removed: processes that are killed, files that lost their end, a disk
 * that is full or cannot be written, and many of all of them at once. The next command works, and gc brings everything back.
 */

import type { ChildProcess } from 'node:child_process';
import {
  existsSync,
  type FSWatcher,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { type Running, rktPath, Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;
let service: Running;
const image = 'example.com/busybox';
const pods = (...names: string[]): string => join(host.dataDir, 'pods', ...names);

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'busybox.aci');
  await makeImage({ name: image, exec: ['/bin/true'], output: file });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
  service = await host.metadataService();
  // So that all directories are there to be watched.
  host.ok(['run', image]);
  host.ok(['gc', '--grace-period=0s']);
});

afterEach(() => {
  host.ok(['list', '--format=json']);
  host.ok(['gc', '--grace-period=0s', '--expire-prepared=0s']);
  expect(host.uuids()).toEqual([]);
  expect(readdirSync(pods('names'))).toEqual([]);
  expect(host.leftovers({ service: true })).toEqual([]);
});

afterAll(async () => {
  service.child.kill('SIGTERM');
  await service.ended;
  await host.destroy();
});

/** Kills a process as soon as a directory changes the way that is waited for. Whether that came before the end is up to the kernel. */
async function killAt(child: ChildProcess, ended: Promise<unknown>, dir: string, name: RegExp): Promise<void> {
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dir, (_event, changed) => {
      if (changed !== null && name.test(changed)) child.kill('SIGKILL');
    });
    await ended;
  } finally {
    watcher?.close();
  }
}

describe('kill -9', () => {
  test.each(['embryo', 'prepare', 'prepared', 'names'])('of prepare, when it comes to %s', async (dir) => {
    const prepare = host.start(['prepare', '--pod-name=p', image]);
    await killAt(prepare.child, prepare.ended, pods(dir), /./);
    // Whatever it came to: the name is free, or that of a pod which can be run.
    if (host.rkt(['run-prepared', 'p']).status !== 0) host.ok(['run', '--pod-name=p', image]);
  });

  test.each(['prepare', 'network', 'plan', 'registration'])('of run-prepared after the step "%s"', async (step) => {
    const uuid = host.ok(['prepare', '--pod-name=r', image, '--exec', '/bin/sleep', '--', '1000']).trim();
    const run = host.start(['--debug', 'run-prepared', '--private-net', 'r']);
    await run.says(new RegExp(`timing: ${step} `));
    run.child.kill('SIGKILL');
    expect((await run.ended).signal).toBe('SIGKILL');
    expect(host.ok(['status', '--wait', uuid])).toMatch(/^state=exited\n/);
    expect(host.rkt(['run-prepared', uuid]).stderr).toContain('cannot be started: its state is "exited"');
  });

  test.each(['exited-garbage', 'names'])('of rm, when it comes to %s', async (dir) => {
    host.ok(['run', '--pod-name=x', image]);
    const rm = host.start(['rm', 'x']);
    await killAt(rm.child, rm.ended, pods(dir), /./);
    host.ok(['gc', '--grace-period=0s']);
    host.ok(['run', '--pod-name=x', image]);
  });

  test.each(['run', 'exited-garbage'])('of gc, when it comes to %s', async (dir) => {
    for (let count = 0; count < 3; count++) host.ok(['run', '--private-net', `--pod-name=g${count}`, image]);
    const gc = host.start(['gc', '--grace-period=0s']);
    await killAt(gc.child, gc.ended, pods(dir), /./);
    expect(host.rkt(['status', 'g1']).status === 0 || host.rkt(['list']).status === 0).toBe(true);
  });

  test('of export leaves the pod as it was, and no image that looks whole', async () => {
    host.ok(['run', '--pod-name=e', image]);
    const output = join(host.dir, 'killed.aci');
    const running = host.start(['export', 'e', output]);
    await killAt(running.child, running.ended, host.dir, /killed\.aci/);
    if (existsSync(output)) expect((await running.ended).status).toBe(0);
    host.ok(['export', '--overwrite', 'e', output]);
    expect(host.exec(['tar', '-tf', output]).status).toBe(0);
  });
});

describe('a power cut', () => {
  test.each(['pod', 'settings.json', 'pid', 'status/busybox', 'appsinfo/busybox/pid', 'net-info.json', 'subcgroup'])(
    'that took the end of %s is reported, and hides nothing else',
    (name) => {
      host.ok(['run', '--pod-name=cut', image]);
      const [cut = ''] = host.uuids();
      const whole = host.ok(['prepare', image]).trim();
      const file = pods('run', cut, name);
      writeFileSync(file, 'x');
      for (const size of [1, 0]) {
        truncateSync(file, size);
        for (const args of [['list'], ['list', '--format=json'], ['list', '--full']]) {
          expect(host.rkt(args)).toMatchObject({ status: 0, stdout: expect.stringContaining(whole.slice(0, 8)) });
        }
        expect(host.ok(['status', '--verbose', cut])).toMatch(/^state=exited\n/);
      }
    },
  );

  test('that spoiled the entry of a name frees the name', () => {
    symlinkSync('x', pods('names', 'link'));
    writeFileSync(pods('names', 'file'), '');
    host.ok(['list']);
    for (const name of ['link', 'file']) {
      expect(host.rkt(['status', name]).stderr).toContain(`no pod matches "${name}"`);
      host.ok(['run', `--pod-name=${name}`, image]);
      expect(host.ok(['status', name])).toContain(`\nname=${name}\n`);
    }
  });
});

describe('a data directory', () => {
  /** One of its own, on a small disk. */
  const small = (): string => join(host.dir, 'small', 'data');
  const rkt = (...args: string[]) => host.rkt([`--dir=${small()}`, ...args]);

  beforeAll(() => {
    mkdirSync(join(host.dir, 'small'));
    host.exec(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', join(host.dir, 'small')]);
    expect(rkt('-insecure-skip-verify', 'fetch', join(host.dir, 'busybox.aci')).status).toBe(0);
    expect(rkt('prepare', '--pod-name=p', image).status).toBe(0);
    expect(rkt('run', '--pod-name=x', image).status).toBe(0);
  });

  afterAll(() => {
    host.exec(['umount', join(host.dir, 'small')]);
    rmSync(join(host.dir, 'small'), { recursive: true });
  });

  test('that is full: one sentence, and nothing half made', () => {
    const fill = join(host.dir, 'small', 'fill');
    host.exec(['dd', 'if=/dev/zero', `of=${fill}`, 'bs=1k']);
    const before = rkt('list', '--format=json').stdout;
    const room = 'rkt: make room in the data directory, or choose another one with --dir\n';
    const full = 'cannot write: no space left on device\n';
    for (const args of [
      ['run', image],
      ['prepare', '--pod-name=n', image],
      ['prepare', '--no-overlay', image],
    ]) {
      expect(rkt(...args)).toEqual({
        status: 254,
        signal: null,
        stdout: '',
        stderr: `rkt: preparing a pod in ${small()}: ${full}${room}`,
      });
    }
    expect(rkt('run-prepared', 'p')).toMatchObject({
      status: 254,
      stderr: expect.stringMatching(new RegExp(`^rkt: starting pod [0-9a-f-]{36} in ${small()}: ${full}${room}$`)),
    });
    expect(rkt('export', 'x', join(host.dir, 'small', 'x.aci'))).toMatchObject({
      status: 254,
      stderr: expect.stringMatching(/^rkt: [^\n]*no space left on device[^\n]*\n$/),
    });
    expect(rkt('list', '--format=json').stdout).toBe(before);
    host.exec(['rm', fill]);
    // The mount is the sandbox's alone.
    expect(host.exec(['ls', '-A', join(host.dir, 'small')]).stdout).toBe('data\n');
  });

  test('that cannot be written can be looked at, and says so to everything else', () => {
    const remount = (mode: string) => host.exec(['mount', '-o', `remount,${mode}`, join(host.dir, 'small')]);
    remount('ro');
    try {
      for (const args of [['list'], ['status', 'p'], ['cat-manifest', 'x'], ['status', '--wait', 'x']]) {
        expect(rkt(...args)).toMatchObject({ status: 0, stderr: '' });
      }
      const writable = 'rkt: the data directory must be writable; another one is chosen with --dir\n';
      for (const args of [['run', image], ['prepare', image], ['run-prepared', 'p'], ['rm', 'x'], ['gc']]) {
        const { status, stderr } = rkt(...args);
        expect([args[0], status]).toEqual([args[0], 254]);
        expect(stderr).toMatch(new RegExp(`^rkt: [^\n]*: read-only file system\n${writable}$`));
      }
    } finally {
      remount('rw');
    }
    expect(rkt('run-prepared', 'p').status).toBe(0);
    expect(rkt('rm', 'p', 'x').status).toBe(0);
  });
});

test.each(['prepare', 'run-prepared', 'rm', 'export', 'gc'])('%s by a user who is not root says so', (command) => {
  const uid = '--reuid=65534';
  // The program itself may be where others cannot go: it is opened before the user is changed.
  const args = command === 'export' ? ['a', 'b.aci'] : command === 'gc' ? [] : ['a'];
  const { stderr } = host.exec(['setpriv', uid, '--clear-groups', '--regid=65534', rktPath, command, ...args]);
  if (/Permission denied/.test(stderr)) return;
  expect(stderr).toBe(
    `rkt: rkt ${command}: must be run as root, not as user 65534\nrkt: try "sudo rkt ${command} …"\n`,
  );
});

test('fifty of all of them at once: no name twice, nothing lost, nothing left', async () => {
  const started = new Map<string, Running>();
  const start = (key: string, ...args: string[]): void => void started.set(`${key} ${started.size}`, host.start(args));
  const waiting = Array.from({ length: 6 }, () => host.ok(['prepare', image]).trim());
  for (let round = 0; round < 6; round++) {
    start('run', 'run', '--private-net', image);
    start('named', 'run', '--pod-name=same', image);
    start('prepare', 'prepare', image);
    for (let twice = 0; twice < 2; twice++) start(`prepared-${round}`, 'run-prepared', waiting[round] as string);
    start('gc', 'gc', '--grace-period=0s');
    start('list', 'list', '--format=json');
    start('fetch', '-insecure-skip-verify', 'fetch', join(host.dir, 'busybox.aci'));
    start('rm', 'rm', 'same');
  }
  const outcomes = await Promise.all(
    [...started].map(async ([key, running]) => ({ key, status: (await running.ended).status, text: running.stderr })),
  );
  const of = (key: string) => outcomes.filter((outcome) => outcome.key.startsWith(`${key} `));
  for (const key of ['run', 'prepare', 'gc', 'list', 'fetch']) {
    for (const { status, text } of of(key)) expect([key, status, status === 0 ? '' : text]).toEqual([key, 0, '']);
  }
  for (let round = 0; round < 6; round++) {
    const twins = of(`prepared-${round}`);
    expect(twins.map(({ status }) => status).sort()).toEqual([0, 254]);
    for (const { status, text } of twins) if (status !== 0) expect(text).toMatch(/cannot be started|no pod matches/);
  }
  // Those with the same name follow each other, or are told so.
  for (const { status, text } of of('named')) if (status !== 0) expect(text).toContain('has that name');
  for (const { status, text } of of('rm')) if (status !== 0) expect(text).toMatch(/no pod matches|cannot be removed/);
}, 180_000);
