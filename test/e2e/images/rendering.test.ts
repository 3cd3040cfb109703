/** What an app's root filesystem is made of, seen from inside the app: dependencies, whitelists, overlays and copies. */

import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { getXattr } from '../../../native/fs.ts';
import type { Spec } from '../../integration/image/archives.ts';
import { busybox, shellApp, writeAci } from '../../support/acis.ts';
import { Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;

const dir = (path: string, more: Partial<Spec> = {}): Spec => ({ path: `rootfs/${path}/`, type: 'directory', ...more });
const file = (path: string, content: string, more: Partial<Spec> = {}): Spec => ({
  path: `rootfs/${path}`,
  content,
  ...more,
});
const link = (path: string, target: string): Spec => ({ path: `rootfs/${path}`, type: 'symlink', link: target });
const dependsOn = (...names: string[]): object => ({
  dependencies: names.map((name) => ({ imageName: `example.com/${name}` })),
});

/** Stores an image; what it depends on must be there. */
function store(name: string, specs: readonly Spec[], members: object = {}): void {
  const path = writeAci(join(host.dir, `${name}.aci`), `example.com/${name}`, specs, members);
  host.ok(['-insecure-skip-verify', 'fetch', '--pull-policy=new', path]);
}

/** What a script prints in a pod of the image. */
const run = (name: string, script: string, ...options: string[]): string =>
  host.ok(['run', ...options, `example.com/${name}`, '--exec', '/bin/sh', '--', '-c', script]);

beforeAll(async () => {
  host = await Sandbox.create();
  store(
    'base',
    [...busybox(), dir('etc'), file('etc/passwd', 'root:x:0:0::/:/bin/sh\nweb:x:33:34::/:/bin/sh\n')],
    shellApp('true'),
  );
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

describe('dependencies', () => {
  beforeAll(() => {
    const name = (letter: string): Spec[] => [
      file('who', letter),
      file(`only-${letter}`, letter),
      dir('d'),
      file(`d/${letter}`, letter),
    ];
    store('b', [...name('b'), file('bd', 'b')]);
    store('d', [...name('d'), file('bd', 'd'), file('cd', 'd')]);
    store('c', [...name('c'), file('cd', 'c')], dependsOn('d'));
    store('a', name('a'), { ...dependsOn('base', 'b', 'c'), ...shellApp('true') });
  });

  test('override each other in the order of ace.md: B, D, C, A', () => {
    expect(run('a', 'cat /who /only-a /only-b /only-c /only-d /bd /cd; ls /d')).toBe('aabcddca\nb\nc\nd\n');
  });

  test('are copied where there is no overlay', () => {
    expect(run('a', 'cat /who /only-b /bd /cd; ls /d', '--no-overlay')).toBe('abdca\nb\nc\nd\n');
  });

  test('are what names of users are looked up in', () => {
    store('web', [file('x', '')], { ...dependsOn('base'), app: { exec: ['/bin/id', '-u'], user: 'web', group: '0' } });
    expect(host.ok(['run', 'example.com/web'])).toBe('33\n');
  });

  test('are written by render, not by extract', () => {
    const at = (name: string): string => join(host.dir, name);
    host.ok(['image', 'render', '--rootfs-only', 'example.com/a', at('rendered')]);
    host.ok(['image', 'extract', '--rootfs-only', 'example.com/a', at('extracted')]);
    const found = (path: string): string =>
      execFileSync('find', ['.', '-name', 'only-*'], { cwd: path, encoding: 'utf8' });
    expect(found(at('rendered')).split('\n').toSorted()).toEqual(['', './only-a', './only-b', './only-c', './only-d']);
    expect(found(at('extracted'))).toBe('./only-a\n');
  });
});

describe('a directory over a symbolic link', () => {
  beforeAll(() => {
    store(
      'linking',
      [...busybox(), dir('real'), file('real/kept', 'kept'), link('place', 'real'), link('file', 'real/kept')],
      shellApp('true'),
    );
    store('replacing', [dir('place'), file('place/new', 'new'), file('file', 'own')], {
      ...dependsOn('linking'),
      ...shellApp('true'),
    });
  });

  test.each([[[]], [['--no-overlay']]])('replaces it and writes nothing through it, %j', (options) => {
    const script = 'ls /real; ls /place; cat /real/kept /file; readlink /place || echo " no link"';
    expect(run('replacing', script, ...options)).toBe('kept\nnew\nkeptown no link\n');
  });
});

describe('path whitelists', () => {
  const whitelist = ['/bin/busybox', '/bin/sh', '/bin/find', '/bin/sort', '/a/kept', '/empty/', '/gone'];

  test('leave what they name and the directories that lead there', () => {
    store(
      'listed',
      [...busybox(), dir('a'), file('a/kept', '1'), file('a/other', '2'), dir('empty'), file('empty/x', '3'), dir('b')],
      {
        pathWhitelist: whitelist,
        ...shellApp('true'),
      },
    );
    const script = 'find / -xdev -path /dev -prune -o -path /proc -prune -o -path /sys -prune -o -print | sort';
    const paths = [
      '/',
      '/a',
      '/a/kept',
      '/bin',
      '/bin/busybox',
      '/bin/find',
      '/bin/sh',
      '/bin/sort',
      '/empty',
      '/etc',
      // Made by stage1.
      '/etc/hostname',
      '/etc/hosts',
    ];
    expect(run('listed', script, '--dns=none').trim().split('\n')).toEqual(paths);
    expect(run('listed', script, '--dns=none', '--no-overlay').trim().split('\n')).toEqual(paths);
  });

  test('of a dependency say nothing about those who depend on it, and do not hide what is below', () => {
    store('wide', [...busybox(), dir('s'), file('s/one', 'wide'), file('s/two', 'wide')]);
    store('narrow', [dir('s'), file('s/one', 'narrow'), file('s/two', 'narrow')], { pathWhitelist: ['/s/one'] });
    store('top', [file('own', 'top')], { ...dependsOn('wide', 'narrow'), ...shellApp('true') });
    expect(run('top', 'cat /s/one /s/two /own')).toBe('narrowwidetop');
  });

  test('are rendered once, and again when the tree is gone', () => {
    const rendered = (): string => host.exec(['sh', '-c', `stat -c %i ${host.dataDir}/images/trees/rendered-*`]).stdout;
    run('listed', 'true');
    const inodes = rendered();
    run('listed', 'true');
    expect(rendered()).toBe(inodes);
    host.exec(['sh', '-c', `rm -r ${host.dataDir}/images/trees/rendered-*`]);
    expect(run('listed', 'cat /a/kept || echo 1')).toContain('1');
  });
});

describe('properties of files', () => {
  const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
  beforeAll(() => {
    store(
      'properties',
      [
        ...busybox(),
        dir('p', { mode: 0o1777, uid: 7, gid: 8, mtime: { sec: 5, nsec: 0 } }),
        file('p/setuid', 'x', { mode: 0o4755, uid: 1000, gid: 1001, mtime: { sec: 1_000_000_000, nsec: 123_456_789 } }),
        file('p/caps', 'x', { mode: 0o755, xattrs: new Map([['security.capability', capability]]) }),
        { path: 'rootfs/p/hard', type: 'hardlink', link: 'rootfs/p/setuid' },
        link('p/dangling', '/nowhere/at all'),
        { path: 'rootfs/p/fifo', type: 'fifo', mode: 0o640 },
        { path: Buffer.concat([Buffer.from('rootfs/p/'), Buffer.from([0xff, 0xfe])]), content: 'bytes' },
        file(`p/${'n'.repeat(250)}`, 'long'),
      ],
      shellApp('true'),
    );
  });

  test.each([[[]], [['--no-overlay']]])('reach the app, %j', (options) => {
    const script = `cd /p; stat -c '%n %a %u %g %Y %h %F' . setuid hard dangling fifo; readlink dangling; cat n*; echo; cat "$(printf '\\377\\376')"`;
    expect(run('properties', script, ...options)).toBe(
      [
        '. 1777 7 8 5 2 directory',
        'setuid 4755 1000 1001 1000000000 2 regular file',
        'hard 4755 1000 1001 1000000000 2 regular file',
        'dangling 777 0 0 1000000000 1 symbolic link',
        'fifo 640 0 0 1000000000 1 fifo',
        '/nowhere/at all',
        'long',
        'bytes',
      ].join('\n'),
    );
  });

  test('survive a copy: capabilities, nanoseconds, links', () => {
    const target = join(host.dir, 'copy');
    host.ok(['image', 'render', '--rootfs-only', 'example.com/properties', target]);
    expect(getXattr(join(target, 'p', 'caps'), 'security.capability')).toEqual(capability);
    expect(statSync(join(target, 'p', 'setuid'), { bigint: true }).mtimeNs).toBe(1_000_000_000_123_456_789n);
    expect(statSync(join(target, 'p', 'hard')).ino).toBe(statSync(join(target, 'p', 'setuid')).ino);
  });
});

describe('a large file that is mostly holes', () => {
  test('stays one: 1 GiB in the image, a few blocks on disk', () => {
    const source = join(host.dir, 'sparse');
    host.exec([
      'sh',
      '-c',
      `mkdir -p ${source}/bin && cp /bin/busybox ${source}/bin/ && ln -s busybox ${source}/bin/sh && truncate -s 1G ${source}/disk && printf end | dd of=${source}/disk bs=1 seek=1000000000 conv=notrunc`,
    ]);
    const aci = join(host.dir, 'sparse.aci');
    host.ok([
      'image',
      'build',
      source,
      aci,
      '--name=example.com/sparse',
      '--',
      '/bin/sh',
      '-c',
      'stat -c "%s" /disk; dd if=/disk bs=1 skip=1000000000 count=3 2>/dev/null',
    ]);
    host.ok(['-insecure-skip-verify', 'fetch', aci], { timeout: 120_000 });
    for (const options of [[], ['--no-overlay']]) {
      expect(host.ok(['run', ...options, 'example.com/sparse'])).toBe('1073741824\nend');
    }
    const blocks = host.exec(['sh', '-c', `stat -c %b ${host.dataDir}/images/trees/*/rootfs/disk`]).stdout;
    expect(Number(blocks)).toBeLessThan(1024);
    host.exec(['rm', '-r', source, aci]);
  }, 180_000);
});
