/** Volumes, and what hostile images try with their targets. */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { PlanMount } from '../../../runtime/stage1/plan.ts';
import { TestPod } from './harness.ts';

let pod: TestPod;
let source: string;
beforeEach(() => {
  pod = new TestPod();
  source = pod.directory('source');
  writeFileSync(join(source, 'file'), 'content\n');
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

const mounted = (script: string, ...mounts: PlanMount[]) => pod.script(script, { mounts });

test('a directory: targets are made, contents covered, writes reach the host', async () => {
  const outcome = await mounted(
    'cat /a/b/c/file /etc/file; stat -c %a:%u /a/b; echo new > /etc/new',
    { source, target: '/a/b/c' },
    { source, target: '/etc' },
  );
  expect(outcome).toEqual({ code: 0, stdout: 'content\ncontent\n755:0\n', stderr: '' });
  expect(readFileSync(join(source, 'new'), 'utf8')).toBe('new\n');
});

test('a file, on a new and on an existing one', async () => {
  writeFileSync(join(pod.image, 'etc', 'conf'), 'image\n');
  const file = join(source, 'file');
  expect(
    (
      await mounted(
        'cat /etc/conf /new/conf',
        { source: file, target: '/etc/conf' },
        { source: file, target: '/new/conf' },
      )
    ).stdout,
  ).toBe('content\ncontent\n');
});

test('read-only, and nested in a writable one', async () => {
  const inner = pod.directory('inner');
  const { stdout, stderr } = await mounted(
    'echo x > /v/ro/x; echo y > /v/y; cat /v/y',
    { source, target: '/v' },
    { source: inner, target: '/v/ro', readOnly: true },
  );
  expect([stdout, stderr]).toEqual(['y\n', "/bin/sh: can't create /v/ro/x: Read-only file system\n"]);
});

test('recursive ones show what is mounted below and are read-only all the way; others do not show it', async () => {
  mkdirSync(join(source, 'below'));
  pod.write(pod.plan([pod.app()]));
  const script = 'ls -A /plain/below /deep/below; echo x > /deep/below/x';
  const app = pod.app({
    script,
    mounts: [
      { source, target: '/plain' },
      { source, target: '/deep', recursive: true, readOnly: true },
    ],
  });
  const prepare = `mount -t tmpfs none ${source}/below && touch ${source}/below/inside && exec "$@"`;
  const { stdout, stderr } = await pod.start(pod.plan([app]), { wrapper: ['unshare', '-m', 'sh', '-c', prepare, 'sh'] })
    .ended;
  expect(stdout).toBe('/deep/below:\ninside\n\n/plain/below:\n');
  expect(stderr).toBe("/bin/sh: can't create /deep/below/x: Read-only file system\n");
});

describe('sources', () => {
  test.each([
    ['missing', '/nope', 'opening %s: No such file or directory'],
    ['a symbolic link', '/link', 'opening %s: it is a symbolic link, or has one among its directories'],
    ['below a symbolic link', '/link/sub', 'opening %s: it is a symbolic link, or has one among its directories'],
  ])('%s', async (_, name, message) => {
    mkdirSync(join(source, 'sub'));
    symlinkSync(source, join(pod.dir, 'link'));
    const path = pod.dir + name;
    const { code, stderr } = await mounted('true', { source: path, target: '/v' });
    expect([code, stderr]).toEqual([
      254,
      `rkt: app "app": mounting volume ${path} on /v: ${message.replace('%s', path)}\n`,
    ]);
  });
});

describe('targets', () => {
  const refused = async (target: string, from = source): Promise<string> => {
    const { code, stderr } = await mounted('true', { source: from, target });
    expect(code).toBe(254);
    return stderr.replace(`rkt: app "app": mounting volume ${from} on ${target}: `, '');
  };

  test.each([
    ['/etc', '/link/x'],
    ['../../../../../../etc', '/link/x'],
    ['/../../etc', '/link'],
  ])('a link to %s stays inside the root', async (text, target) => {
    symlinkSync(text, join(pod.image, 'link'));
    const before = readdirSync('/etc').sort();
    const { stdout } = await mounted('ls /etc/x/file || ls /etc/file', { source, target });
    expect(stdout).toMatch(/^\/etc\/(x\/)?file\n$/);
    expect(readdirSync('/etc').sort()).toEqual(before);
  });

  test('the root itself, also through a link', async () => {
    symlinkSync('/', join(pod.image, 'slash'));
    symlinkSync('..', join(pod.image, 'up'));
    for (const target of ['/', '/slash', '/up'])
      expect(await refused(target)).toBe('the target is the root of the app\n');
  });

  test('in /proc, also through a link', async () => {
    symlinkSync('/proc/self', join(pod.image, 'self'));
    for (const target of ['/proc', '/proc/self/attr', '/self'])
      expect(await refused(target)).toBe('the target lies in /proc\n');
  });

  test('a dangling link, a file for a directory, a directory for a file', async () => {
    symlinkSync('/no/where', join(pod.image, 'dangling'));
    expect(await refused('/dangling')).toBe(
      'making /dangling in the root filesystem: it is a symbolic link that leads nowhere\n',
    );
    expect(await refused('/bin/busybox')).toBe('the target: Not a directory\n');
    expect(await refused('/etc', join(source, 'file'))).toBe('the target: Is a directory\n');
    expect(await refused('/bin/busybox/x')).toMatch(/Not a directory\n$/);
  });

  test('magic links of /proc lead nowhere', async () => {
    symlinkSync('/proc/1/root', join(pod.image, 'magic'));
    const { code, stderr } = await mounted('true', { source, target: '/magic/etc/x' });
    expect(code).toBe(254);
    expect(stderr).not.toBe('');
    expect(existsSync('/etc/x')).toBe(false);
  });

  test('swapped while being mounted (CVE-2021-30465): nothing reaches the host', async () => {
    // A directory and a link out of the root change places all the time, in a volume that the app's mounts go through.
    const shared = pod.directory('shared');
    const outside = pod.directory('outside');
    mkdirSync(join(shared, 'target'));
    symlinkSync(`../../../../../../../../../../..${outside}`, join(shared, 'link'));
    const swap = `
      import ctypes, sys
      libc = ctypes.CDLL(None)
      print('swapping', flush=True)
      while True: libc.renameat2(-100, b'${shared}/target', -100, b'${shared}/link', 2)`;
    const swapper = spawn('python3', ['-c', swap.replace(/^ {6}/gm, '')], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => swapper.stdout.once('data', resolve));
    const mounts = [
      { source: shared, target: '/shared' },
      ...[1, 2, 3, 4].map((n) => ({ source, target: `/shared/target/${n}` })),
    ];
    for (let round = 0; round < 15; round++) {
      const { code } = await pod.script('true', { mounts, name: `round-${round}` });
      expect([0, 254]).toContain(code);
    }
    swapper.kill('SIGKILL');
    await new Promise((resolve) => swapper.once('exit', resolve));
    expect(readdirSync(outside)).toEqual([]);
  }, 30_000);
});
