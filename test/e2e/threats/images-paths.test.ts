/**
 * Archive paths that lead out, nodes where none belong, files beside the image, entries twice (docker2aci CVE-2016-7569): refused
 * by `rkt fetch` with the reason, and neither the store nor the host has changed.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { aciOf, manifest, type Spec, tarOf } from '../../integration/image/archives.ts';
import { busybox, shellApp, writeAci } from '../../support/acis.ts';
import { Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;
let before: string;
const images = (): string => host.exec(['find', join(host.dataDir, 'images'), '-printf', '%p %s %i\n']).stdout;
const evil = (): string => join(host.dir, 'evil.aci');

beforeAll(async () => {
  host = await Sandbox.create();
  writeFileSync(join(host.dir, 'victim'), 'untouched');
  const good = writeAci(join(host.dir, 'good.aci'), 'example.com/good', busybox(), shellApp('echo intact'));
  host.ok(['-insecure-skip-verify', 'fetch', good]);
});

beforeEach(() => {
  before = images();
});

afterEach(() => {
  expect(images()).toBe(before);
  expect(readFileSync(join(host.dir, 'victim'), 'utf8')).toBe('untouched');
  expect(existsSync('/rkt-threat')).toBe(false);
  expect(host.ok(['run', 'example.com/good'])).toBe('intact\n');
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

function refusal(archive: Buffer): string {
  writeFileSync(evil(), archive);
  const { status, stdout, stderr } = host.rkt(['-insecure-skip-verify', 'fetch', evil()]);
  expect([status, stdout]).toEqual([254, '']);
  const line = stderr.split('\n').find((text) => text.startsWith('rkt: cannot import'));
  return line?.replace(`rkt: cannot import image ${evil()}: `, '') ?? stderr;
}

const dir = (path: string): Spec => ({ path, type: 'directory' });
const node = (path: string, type: 'character' | 'block'): Spec => ({ path, type, device: { major: 8, minor: 0 } });

test.each<[string, Spec[], string]>([
  [
    '..',
    [{ path: 'rootfs/../../../../../../../rkt-threat' }],
    '"rootfs/../../../../../../../rkt-threat" contains ".."',
  ],
  ['.. as a hidden middle', [{ path: 'rootfs/a/./../../../victim' }], '"rootfs/a/./../../../victim" contains ".."'],
  ['an absolute path', [{ path: '/rkt-threat' }], '"/rkt-threat" is an absolute path'],
  ['a path beside rootfs', [{ path: 'rootfs2/a' }], '"rootfs2/a" is neither "manifest" nor inside "rootfs"'],
  ['a file beside manifest', [{ path: 'setup.sh' }], '"setup.sh" is neither "manifest" nor inside "rootfs"'],
  ['a second manifest', [manifest], '"manifest" stands in it twice'],
  ['a disk', [node('rootfs/sda', 'block')], '"rootfs/sda" is a device node outside of /dev'],
  ['kernel memory', [node('rootfs/etc/mem', 'character')], '"rootfs/etc/mem" is a device node outside of /dev'],
  ['a node spelt into /dev and out', [node('rootfs/dev/../mem', 'character')], '"rootfs/dev/../mem" contains ".."'],
  ['a file twice', [{ path: 'rootfs/a' }, { path: 'rootfs/./a' }], '"a" stands in it twice'],
  ['a directory twice', [dir('rootfs/d/'), dir('rootfs/d')], '"d" stands in it twice'],
  [
    'a file below a file',
    [{ path: 'rootfs/f' }, { path: 'rootfs/f/g' }],
    '"f/g" lies below something that is no directory',
  ],
  ['too long a name', [{ path: `rootfs/${'n'.repeat(256)}` }], `"${'n'.repeat(197)}..." has too long a name`],
])('%s', (_name, specs, reason) => expect(refusal(aciOf(...specs))).toBe(reason));

test('a manifest that is a link', () => {
  const linked: Spec = { path: 'manifest', type: 'symlink', link: '/etc/passwd' };
  expect(refusal(tarOf([linked, dir('rootfs/')]))).toBe('its manifest is not a regular file');
});

test('a device node in /dev is kept, and cannot be opened in a pod', () => {
  const device: Spec[] = [dir('rootfs/dev/'), node('rootfs/dev/sda', 'block'), dir('rootfs/data/')];
  const members = shellApp('ls /dev/sda 2>/dev/null; cat /dev/sda 2>/dev/null; echo $?');
  const file = writeAci(join(host.dir, 'nodes.aci'), 'example.com/nodes', [...busybox(), ...device], members);
  expect(host.ok(['-insecure-skip-verify', 'run', file])).toBe('1\n');
  host.ok(['gc', '--grace-period=0s']);
  host.ok(['image', 'rm', 'example.com/nodes']);
  before = images();
});
