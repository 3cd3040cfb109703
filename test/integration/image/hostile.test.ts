/** Archives that try to reach outside of their tree. Each is refused, and neither the store nor the host has changed. */

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { quiet } from '../../../runtime/base/log.ts';
import { aciOf, Sandbox, type Spec } from './archives.ts';

let box: Sandbox;
let victim: string;
beforeEach(() => {
  box = new Sandbox();
  victim = box.file('victim', 'untouched');
});
afterEach(() => {
  expect(readFileSync(victim, 'utf8')).toBe('untouched');
  expect(readdirSync(box.dir).toSorted()).toEqual(['data', 'image.aci', 'victim']);
  box[Symbol.dispose]();
});

const link = (path: string, target: string): Spec => ({ path, type: 'symlink', link: target });
const hard = (path: string, target: string): Spec => ({ path, type: 'hardlink', link: target });

test.each<[string, Spec[], string]>([
  ['parent directory', [{ path: 'rootfs/../../../../victim' }], '"rootfs/../../../../victim" contains ".."'],
  ['parent directory at the end', [{ path: 'rootfs/a/..' }], '"rootfs/a/.." contains ".."'],
  ['absolute path', [{ path: '/etc/victim' }], '"/etc/victim" is an absolute path'],
  ['absolute path inside', [{ path: '//rootfs/a' }], '"//rootfs/a" is an absolute path'],
  ['file twice', [{ path: 'rootfs/a' }, { path: 'rootfs/a' }], '"a" stands in it twice'],
  ['file twice, spelt differently', [{ path: 'rootfs/a' }, { path: './rootfs//./a' }], '"a" stands in it twice'],
  [
    'directory twice',
    [
      { path: 'rootfs/d/', type: 'directory' },
      { path: 'rootfs/d/', type: 'directory' },
    ],
    '"d" stands in it twice',
  ],
  [
    'directory replaced by a link',
    [{ path: 'rootfs/d/', type: 'directory' }, link('rootfs/d', '/')],
    '"d" stands in it twice',
  ],
  ['implied directory replaced by a link', [{ path: 'rootfs/d/a' }, link('rootfs/d', '/')], '"d" stands in it twice'],
  [
    'link replaced by a file',
    [link('rootfs/a', '../../../../../victim'), { path: 'rootfs/a', content: 'x' }],
    '"a" stands in it twice',
  ],
  [
    'write through a link to the host',
    [link('rootfs/a', '/'), { path: 'rootfs/a/victim' }],
    '"a/victim" lies beyond a symbolic link',
  ],
  [
    'write through a relative link',
    [link('rootfs/a', '../..'), { path: 'rootfs/a/b/c' }],
    '"a/b/c" lies beyond a symbolic link',
  ],
  [
    'write through a link that stays inside',
    [link('rootfs/lib', 'usr'), { path: 'rootfs/usr/', type: 'directory' }, { path: 'rootfs/lib/x' }],
    '"lib/x" lies beyond a symbolic link',
  ],
  ['hard link to the host', [hard('rootfs/a', '/etc/passwd')], '"/etc/passwd" is an absolute path'],
  ['hard link above', [hard('rootfs/a', '../victim')], '"../victim" contains ".."'],
  [
    'hard link to the manifest',
    [hard('rootfs/a', 'manifest')],
    '"rootfs/a" is a hard link to "manifest", which is not inside "rootfs"',
  ],
  [
    'hard link through a link',
    [link('rootfs/a', '/etc'), hard('rootfs/b', 'rootfs/a/passwd')],
    '"b" lies beyond a symbolic link',
  ],
  [
    'hard link to nothing',
    [hard('rootfs/d/a', 'rootfs/none')],
    '"d/a" is a hard link to "none", which does not stand before it',
  ],
  [
    'hard link to a directory',
    [{ path: 'rootfs/d/', type: 'directory' }, hard('rootfs/a', 'rootfs/d')],
    '"a" is a hard link to a directory',
  ],
  [
    'file below a file',
    [{ path: 'rootfs/a' }, { path: 'rootfs/a/b' }],
    '"a/b" lies below something that is no directory',
  ],
  [
    'block device',
    [{ path: 'rootfs/disk', type: 'block', device: { major: 8, minor: 0 } }],
    '"rootfs/disk" is a device node outside of /dev',
  ],
  [
    'character device',
    [{ path: 'rootfs/etc/mem', type: 'character', device: { major: 1, minor: 1 } }],
    '"rootfs/etc/mem" is a device node outside of /dev',
  ],
  [
    'device in a directory like /dev',
    [{ path: 'rootfs/dev2/mem', type: 'character' }],
    '"rootfs/dev2/mem" is a device node outside of /dev',
  ],
  ['long component', [{ path: `rootfs/${'x'.repeat(300)}` }], `"${'x'.repeat(197)}..." has too long a name`],
  [
    'long path',
    [{ path: `rootfs/${'x/'.repeat(2048)}a` }],
    `"${`rootfs/${'x/'.repeat(100)}`.slice(0, 197)}..." has too long a name`,
  ],
  [
    'escape sequences',
    [{ path: '\u001b[2Jrootfs\u009b' }],
    '"\\u001b[2Jrootfs\\u009b" is neither "manifest" nor inside "rootfs"',
  ],
])('%s', async (_name, specs, reason) => {
  expect(await box.refusal(aciOf(...specs))).toBe(`EIMAGE: cannot import image FILE: ${reason}`);
  expect(readdirSync(join(box.dataDir, 'images', 'trees'))).toEqual([]);
});

test('a symbolic link may point anywhere: it is data, never followed', async () => {
  const info = await box.importBytes(aciOf(link('rootfs/a', '/etc/passwd'), link('rootfs/b', '../../../../victim')));
  expect(box.store.verify(info)).toEqual([]);
});

test('a hard link to a symbolic link links the link', async () => {
  const info = await box.importBytes(aciOf(link('rootfs/a', '/etc/passwd'), hard('rootfs/b', 'rootfs/a')));
  expect(execFileSync('stat', ['-c', '%F %h', join(box.tree(info), 'b')], { encoding: 'utf8' })).toBe(
    'symbolic link 2\n',
  );
});

test("owners beyond the kernel's range", async () => {
  expect(await box.refusal(aciOf({ path: 'rootfs/a', uid: 4294967295 }))).toBe(
    'EIMAGE: cannot import image FILE: it has an entry whose owner is out of range',
  );
});

test('attributes that would steer overlayfs are dropped, with a warning', async () => {
  const warnings: string[] = [];
  const xattrs = new Map([['trusted.overlay.redirect', Buffer.from('/x')]]);
  const log = { ...quiet, warn: (message: string) => void warnings.push(message) };
  await box.importBytes(aciOf({ path: 'rootfs/d/', type: 'directory', xattrs }), log);
  expect(warnings).toEqual([
    'the extended attribute "trusted.overlay.redirect" is dropped: it has no meaning in a pod',
  ]);
});

test('a decompression bomb ends with a clear error', async () => {
  // 64 MiB of zeros in 64 KiB, onto 16 MiB of disk.
  box.file('image.aci', gzipSync(aciOf({ path: 'rootfs/bomb', content: Buffer.alloc(64 << 20) })));
  const script = join(import.meta.dirname, 'import-child.ts');
  const shell = 'mount -t tmpfs -o size=16m none data && exec "$0" "$1" data image.aci';
  execFileSync('mkdir', [box.dataDir]);
  const output = execFileSync('unshare', ['-m', 'sh', '-c', shell, process.execPath, script], {
    cwd: box.dir,
    encoding: 'utf8',
  });
  expect(output).toBe(
    'EIMAGE: cannot import image image.aci: it unpacks to more than 15099494 bytes, nine tenths of what is free\n\n',
  );
  expect(existsSync(join(box.dataDir, 'images'))).toBe(false);
});

describe('extended headers', () => {
  test.each<[string, Spec, string]>([
    [
      'of a link',
      { path: 'rootfs/l', type: 'symlink', link: 'x', xattrs: new Map([['user.a', Buffer.from('1')]]) },
      'user.a',
    ],
    [
      'that the kernel cannot read',
      { path: 'rootfs/f', xattrs: new Map([['security.capability', Buffer.from('1')]]) },
      'security.capability',
    ],
    [
      'of a directory',
      { path: 'rootfs/d/', type: 'directory', xattrs: new Map([['system.posix_acl_access', Buffer.from('1')]]) },
      'system.posix_acl_access',
    ],
  ])('attributes that cannot be: %s', async (_, spec, name) => {
    const path = String(spec.path).slice('rootfs/'.length).replace(/\/$/, '');
    expect(await box.refusal(aciOf(spec))).toBe(
      `EIMAGE: cannot import image FILE: "${path}" has an impossible extended attribute "${name}"`,
    );
  });

  test('too large a header', async () => {
    const xattrs = new Map([['user.big', Buffer.alloc(1_100_000, 65)]]);
    expect(await box.refusal(aciOf({ path: 'rootfs/a', xattrs }))).toBe(
      'EIMAGE: cannot import image FILE: it has an extended header of more than 1048576 bytes',
    );
  });
});
