/**
 * Links that point out of the image, and writes through links (node-tar CVE-2026-23745): confined or refused, on extraction, in
 * a pod, in look-ups, and when an image is copied.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { aciOf, type Spec } from '../../integration/image/archives.ts';
import { busybox, shellApp, writeAci } from '../../support/acis.ts';
import { Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;
const at = (name: string): string => join(host.dir, name);

beforeAll(async () => {
  host = await Sandbox.create();
  mkdirSync(at('outside'));
  writeFileSync(join(at('outside'), 'victim'), 'untouched');
});

afterEach(() => {
  expect(readFileSync(join(at('outside'), 'victim'), 'utf8')).toBe('untouched');
  expect(host.exec(['ls', at('outside')]).stdout).toBe('victim\n');
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

const link = (path: string, target: string): Spec => ({ path: `rootfs/${path}`, type: 'symlink', link: target });
const hard = (path: string, target: string): Spec => ({ path: `rootfs/${path}`, type: 'hardlink', link: target });

describe('extraction refuses', () => {
  function refusal(specs: readonly Spec[]): string {
    writeFileSync(at('evil.aci'), aciOf(...specs));
    const { status, stdout, stderr } = host.rkt(['-insecure-skip-verify', 'fetch', at('evil.aci')]);
    expect([status, stdout]).toEqual([254, '']);
    const line = stderr.split('\n').find((text) => text.startsWith('rkt: cannot import'));
    return line?.replace(`rkt: cannot import image ${at('evil.aci')}: `, '') ?? stderr;
  }

  test.each<[string, () => Spec[], string]>([
    [
      'a write through a link',
      () => [link('a', at('outside')), { path: 'rootfs/a/new' }],
      '"a/new" lies beyond a symbolic link',
    ],
    [
      'a write through a relative link',
      () => [link('a', '../../../../../..'), { path: 'rootfs/a/x' }],
      '"a/x" lies beyond a symbolic link',
    ],
    [
      'a file over a link',
      () => [link('a', `${at('outside')}/victim`), { path: 'rootfs/a', content: 'x' }],
      '"a" stands in it twice',
    ],
    [
      'a directory through a link',
      () => [link('a', at('outside')), { path: 'rootfs/a/d/', type: 'directory' }],
      '"a/d" lies beyond a symbolic link',
    ],
    ['a hard link to the host', () => [hard('a', '/etc/passwd')], '"/etc/passwd" is an absolute path'],
    ['a hard link up', () => [hard('a', 'rootfs/../../victim')], '"rootfs/../../victim" contains ".."'],
    [
      'a hard link beside rootfs',
      () => [hard('a', 'manifest')],
      '"rootfs/a" is a hard link to "manifest", which is not inside "rootfs"',
    ],
    [
      'a hard link through a link',
      () => [link('l', at('outside')), hard('a', 'rootfs/l/victim')],
      '"a" lies beyond a symbolic link',
    ],
    [
      'a hard link to nothing',
      () => [hard('a', 'rootfs/b')],
      '"a" is a hard link to "b", which does not stand before it',
    ],
  ])('%s', (_name, specs, reason) => expect(refusal(specs())).toBe(reason));
});

describe('links in an image', () => {
  test('are followed inside it: files, users, executables, volumes', () => {
    const specs = [
      ...busybox(),
      link('etc', at('outside')),
      link('host', '/../../../../../../../../../..'),
      link('program', `${at('outside')}/../../../bin/busybox`),
    ];
    const file = writeAci(at('links.aci'), 'example.com/links', specs, shellApp('true'));
    host.ok(['-insecure-skip-verify', 'fetch', file]);
    const inside = host.rkt([
      'run',
      'example.com/links',
      '--exec',
      '/bin/sh',
      '--',
      '-c',
      'ls /host/bin/busybox; cat /etc/victim',
    ]);
    expect([inside.stdout, inside.status]).toEqual(['/host/bin/busybox\n', 1]);
    const missing = host.rkt(['run', 'example.com/links', '--exec', '/program']);
    expect([missing.status, missing.stderr]).toEqual([
      254,
      'rkt: app "links": executable "/program" not found in image example.com/links\n',
    ]);
  });

  test('are copied as links, by render and without overlay', () => {
    const target = at('rendered');
    host.ok(['image', 'render', '--rootfs-only', 'example.com/links', target]);
    expect(host.exec(['readlink', join(target, 'etc')]).stdout).toBe(`${at('outside')}\n`);
    const { stdout } = host.rkt([
      'run',
      '--no-overlay',
      'example.com/links',
      '--exec',
      '/bin/sh',
      '--',
      '-c',
      'readlink /etc; echo x >/etc/victim',
    ]);
    expect(stdout).toBe(`${at('outside')}\n`);
  });
});

test('--overwrite removes a link, not what it points to', () => {
  host.exec(['ln', '-s', at('outside'), at('target')]);
  host.ok(['image', 'extract', '--overwrite', 'example.com/links', at('target')]);
  expect(existsSync(join(at('target'), 'manifest'))).toBe(true);
});
