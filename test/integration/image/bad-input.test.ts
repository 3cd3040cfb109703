import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { aciOf, manifest, manifestOf, rootfs, Sandbox, type Spec, tarOf } from './archives.ts';

let box: Sandbox;
beforeEach(() => {
  box = new Sandbox();
});
afterEach(() => {
  // Whatever was refused left nothing behind.
  for (const part of ['blobs', 'info', 'names', 'trees', 'tmp']) {
    const directory = join(box.dataDir, 'images', part);
    expect([part, existing(directory)]).toEqual([part, []]);
  }
  box[Symbol.dispose]();
});

function existing(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

const refused = (reason: string): string => `EIMAGE: cannot import image FILE: ${reason}`;

describe('files that are no image', () => {
  const png = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), Buffer.alloc(2000, 7)]);
  test.each<[string, string | Buffer, string]>([
    ['empty', '', 'it is empty'],
    ['a text', 'hello\n', 'it is no tar archive'],
    ['a long text', 'hello\n'.repeat(1000), 'it is no tar archive'],
    ['a picture', png, 'it is no tar archive'],
    ['an empty file compressed', gzipSync(''), 'it is empty'],
    ['a text compressed', gzipSync('hello\n'.repeat(1000)), 'it is no tar archive'],
    ['an archive without entries', tarOf([]), 'it has no manifest'],
  ])('%s', async (_name, content, reason) => expect(await box.refusal(content)).toBe(refused(reason)));

  test('missing', async () =>
    expect(await box.refusalOf(join(box.dir, 'none.aci'))).toBe(
      'EIMAGE: cannot read image FILE: there is no such file',
    ));
  test('a directory', async () =>
    expect(await box.refusalOf(box.dir)).toBe('EIMAGE: cannot read image FILE: it is a directory'));
  test('a FIFO', async () => {
    const path = join(box.dir, 'fifo');
    execFileSync('mkfifo', [path]);
    expect(await box.refusalOf(path)).toBe('EIMAGE: cannot read image FILE: it is not a regular file');
  });
});

describe('damaged files', () => {
  const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 31 + (i >> 3)) & 0xff));
  const tar = aciOf({ path: 'rootfs/data', content });

  const compressed: [string, (input: Buffer) => Buffer][] = [
    ['gzip', (input) => gzipSync(input)],
    ['zstd', (input) => zstdCompressSync(input, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })],
    ['bzip2', (input) => execFileSync('bzip2', ['-c'], { input, maxBuffer: 1 << 24 })],
    ['xz', (input) => execFileSync('xz', ['-c'], { input, maxBuffer: 1 << 24 })],
  ];

  test.each(compressed)('%s cut short anywhere', async (name, compress) => {
    const whole = compress(tar);
    const cuts = [20, whole.length >> 2, whole.length >> 1, whole.length - 9, whole.length - 1];
    for (const cut of cuts) {
      const reason = refused(`its ${name} compression is damaged or cut short`);
      expect([cut, await box.refusal(whole.subarray(0, cut))]).toEqual([cut, reason]);
    }
  });

  test.each(compressed)('%s with a changed byte', async (name, compress) => {
    const whole = compress(tar);
    const at = name === 'zstd' || name === 'xz' ? whole.length >> 1 : whole.length - 5;
    whole.writeUInt8(whole.readUInt8(at) ^ 0x40, at);
    expect(await box.refusal(whole)).toBe(refused(`its ${name} compression is damaged or cut short`));
  });

  test('tar cut short', async () => {
    for (const cut of [513, 1024, 2047, tar.length - 1024 - 300, tar.length - 1024]) {
      expect([cut, await box.refusal(tar.subarray(0, cut))]).toEqual([cut, refused('it ends too early')]);
    }
  });

  test('a damaged header', async () => {
    const damaged = Buffer.from(tar);
    damaged.writeUInt8(damaged.readUInt8(1024 + 5) ^ 1, 1024 + 5);
    expect(await box.refusal(damaged)).toBe(refused('it has a damaged tar header'));
  });
});

describe('wrong layouts', () => {
  test.each<[string, Spec[], string]>([
    ['no manifest', [rootfs, { path: 'rootfs/a' }], 'it has no manifest'],
    ['no rootfs', [manifest], 'it has no rootfs'],
    ['rootfs a file', [manifest, { path: 'rootfs' }], 'its rootfs is not a directory'],
    ['rootfs a link', [manifest, { path: 'rootfs', type: 'symlink', link: '/' }], 'its rootfs is not a directory'],
    [
      'manifest a link',
      [{ path: 'manifest', type: 'symlink', link: '/etc/passwd' }, rootfs],
      'its manifest is not a regular file',
    ],
    ['manifest a directory', [{ path: 'manifest/', type: 'directory' }, rootfs], 'its manifest is not a regular file'],
    ['manifest twice', [manifest, rootfs, manifest], '"manifest" stands in it twice'],
    ['rootfs twice', [manifest, rootfs, rootfs], '"rootfs" stands in it twice'],
    ['a file beside', [manifest, rootfs, { path: 'README' }], '"README" is neither "manifest" nor inside "rootfs"'],
    [
      'a name that begins like it',
      [manifest, { path: 'rootfs2/a' }],
      '"rootfs2/a" is neither "manifest" nor inside "rootfs"',
    ],
    ['a file below manifest', [{ path: 'manifest/a' }], '"manifest/a" is neither "manifest" nor inside "rootfs"'],
    [
      'a manifest too large',
      [{ path: 'manifest', content: ' '.repeat(1048577) }],
      'its manifest has 1048577 bytes, more than the 1048576 allowed',
    ],
  ])('%s', async (_name, specs, reason) => expect(await box.refusal(tarOf(specs))).toBe(refused(reason)));

  test('an invalid manifest names the field', async () => {
    const bad = manifestOf('example.com/test', { app: { user: '0', group: '0', workingDirectory: 'tmp' } });
    expect(await box.refusal(tarOf([{ path: 'manifest', content: bad }, rootfs]))).toBe(
      'EMANIFEST: cannot import image FILE: image manifest: app.workingDirectory: must be an absolute path, is "tmp"',
    );
  });

  test('a manifest that is no JSON', async () =>
    expect(await box.refusal(tarOf([{ path: 'manifest', content: '{' }, rootfs]))).toMatch(
      /^EMANIFEST: cannot import image FILE: image manifest: is not JSON: /,
    ));
});

describe('places where nothing can be written', () => {
  /** Runs an import in a mount namespace of its own, with a file system of its own as data directory. */
  function importOn(options: string, prepare: string): string {
    box.file('image.aci', aciOf({ path: 'rootfs/data', content: Buffer.alloc(3_000_000, 1) }));
    const script = join(import.meta.dirname, 'import-child.ts');
    mkdirSync(join(box.dir, 'small'));
    const shell = `mount -t tmpfs -o ${options} none small && ${prepare} && exec "$0" "$1" small image.aci`;
    return execFileSync('unshare', ['-m', 'sh', '-c', shell, process.execPath, script], {
      cwd: box.dir,
      encoding: 'utf8',
    });
  }

  test('no space', () =>
    // The archive fits, but not the archive and the tree.
    expect(importOn('size=5m', 'true')).toBe(
      'ESTORE: cannot import image image.aci: writing in small/images: no space is left on the device\nfree some space, or name another data directory with --dir\n\n',
    ));

  test('no inodes', () =>
    expect(importOn('nr_inodes=5', 'true')).toBe(
      'ESTORE: cannot import image image.aci: writing in small/images: no space is left on the device\nfree some space, or name another data directory with --dir\n\n',
    ));

  test('read-only', () =>
    expect(importOn('size=20m', 'mount -o remount,ro small')).toBe(
      'ESTORE: cannot import image image.aci: writing in small/images: the file system is read-only\nremount it for writing, or name another data directory with --dir\n\n',
    ));
});
