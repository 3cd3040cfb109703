/** The addon's file system calls by hazard: links in every position, names of any bytes, trees of any depth. */

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import * as fs from '../../../native/fs.ts';

let dir: string;
let root: number;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-fs-'));
  mkdirSync(join(dir, 'root'));
  mkdirSync(join(dir, 'host'));
  root = openSync(join(dir, 'root'), 'r');
  symlinkSync(join(dir, 'host'), join(dir, 'root/link'));
  symlinkSync('../host', join(dir, 'root/relative'));
});
afterEach(() => {
  closeSync(root);
  expect(readdirSync(join(dir, 'host'))).toEqual([]);
  rmSync(dir, { recursive: true, force: true });
});

const attributes: fs.Attributes = { uid: 5, gid: 6, mode: 0o4711, mtime: { sec: 1_000_000_000, nsec: 1 } };

const creations: [string, (path: fs.PathBytes) => unknown][] = [
  ['makeDirectory', (path) => fs.makeDirectory(root, path, 0o700)],
  ['createFile', (path) => fs.createFile(root, path)],
  ['makeSymlink', (path) => fs.makeSymlink(root, path, 'x')],
  ['makeNode', (path) => fs.makeNode(root, path, { type: 'fifo', mode: 0o600, major: 0, minor: 0 })],
];

describe.each(creations)('%s', (_name, create) => {
  test.each([
    ['link/x', 'ELOOP'],
    ['relative/x', 'ELOOP'],
    ['../host/x', 'EXDEV'],
    ['link', 'EEXIST'],
    ['none/x', 'ENOENT'],
    ['..', 'EINVAL'],
    ['', 'EINVAL'],
    ['x/', 'EINVAL'],
  ])('of %j fails with %s', (path, code) => expect(() => create(path)).toThrow(expect.objectContaining({ code })));

  test('of an absolute path fails', () =>
    expect(() => create(join(dir, 'host/x'))).toThrow(expect.objectContaining({ code: 'EXDEV' })));

  test('of a name with NUL fails', () => {
    expect(() => create('a\0b')).toThrow(/^\w+: path must be a string without NUL$/);
    expect(() => create(Buffer.from('a\0b'))).toThrow(/^\w+: path must be free of NUL$/);
  });
});

test('hard links reach neither through links nor outside', () => {
  writeFileSync(join(dir, 'root/file'), '');
  for (const [path, existing, code] of [
    ['link/x', 'file', 'ELOOP'],
    ['x', 'link/y', 'ELOOP'],
    ['x', '../host', 'EXDEV'],
    ['x', 'none', 'ENOENT'],
  ] as const) {
    expect(() => fs.makeHardlink(root, path, existing)).toThrow(expect.objectContaining({ code }));
  }
  fs.makeHardlink(root, 'x', 'link');
  expect(lstatSync(join(dir, 'root/x')).isSymbolicLink()).toBe(true);
});

test('attributes of a link are its own', () => {
  const before = lstatSync(join(dir, 'host'));
  fs.setAttributes(root, 'link', attributes);
  const link = lstatSync(join(dir, 'root/link'), { bigint: true });
  expect([link.uid, link.gid, link.mtimeNs]).toEqual([5n, 6n, 1_000_000_000_000_000_001n]);
  const after = lstatSync(join(dir, 'host'));
  expect([after.uid, after.mode, after.mtimeMs]).toEqual([before.uid, before.mode, before.mtimeMs]);
});

test('attributes of a device are set without opening it', () => {
  // Major number 0 belongs to no driver: opening the node would fail.
  fs.makeNode(root, 'node', { type: 'character', mode: 0o600, major: 0, minor: 77 });
  fs.setAttributes(root, 'node', attributes);
  const status = lstatSync(join(dir, 'root/node'));
  expect([status.mode & 0o7777, status.uid]).toEqual([0o4711, 5]);
});

test('an id of -1 is refused, for chown(2) would take it as "leave it"', () =>
  expect(() => fs.setAttributes(root, 'link', { ...attributes, uid: 0xffffffff })).toThrow(
    'setAttributes: uid and gid must be below 2^32 - 1',
  ));

test('names may be any bytes', () => {
  const name = Buffer.from([0xff, 0x80, 0x0a]);
  closeSync(fs.createFile(root, name));
  expect(readdirSync(join(dir, 'root'), { encoding: 'buffer' }).some((entry) => name.equals(entry))).toBe(true);
});

describe('removeTree', () => {
  test('removes what is deeper than a path can be, and links as links', () => {
    const script =
      'import os\nos.chdir("root")\nfor i in range(3000):\n  os.mkdir("d"*50); open("f","w"); os.symlink("/","l"); os.chdir("d"*50)';
    execFileSync('python3', ['-c', script], { cwd: dir });
    fs.removeTree(join(dir, 'root'));
    expect(existsSync(join(dir, 'root'))).toBe(false);
    mkdirSync(join(dir, 'root'));
  });

  test('of a link removes the link', () => {
    fs.removeTree(join(dir, 'root/link'));
    expect(existsSync(join(dir, 'root/link'))).toBe(false);
    expect(existsSync(join(dir, 'host'))).toBe(true);
  });

  test('with more entries than are read at once', () => {
    for (let file = 0; file < 2000; file++) writeFileSync(join(dir, 'root', `file-${file}`), '');
    fs.removeTree(join(dir, 'root'));
    expect(existsSync(join(dir, 'root'))).toBe(false);
    mkdirSync(join(dir, 'root'));
  });

  test('on threads, several at a time', async () => {
    const trees = Array.from({ length: 20 }, (_, tree) => join(dir, 'root', `tree-${tree}`));
    for (const tree of trees) mkdirSync(join(tree, 'a', 'b'), { recursive: true });
    await Promise.all(trees.map((tree) => fs.removeTreeLater(tree)));
    expect(trees.filter((tree) => existsSync(tree))).toEqual([]);
    await expect(fs.removeTreeLater('/proc/self')).rejects.toMatchObject({ code: 'EPERM', errno: 1 });
  });

  test('of nothing succeeds', () => expect(fs.removeTree(join(dir, 'none'))).toBeUndefined());

  test('does not enter other file systems', () => {
    mkdirSync(join(dir, 'root/a/mounted'), { recursive: true });
    const script = `import * as fs from ${JSON.stringify(join(import.meta.dirname, '../../../native/fs.ts'))};
      try { fs.removeTree('root'); } catch (error) { console.log(error.code); }`;
    const shell =
      'mount --bind host root/a/mounted && touch host/kept && "$0" --input-type=module -e "$1"; ls host; rm host/kept';
    const output = execFileSync('unshare', ['-m', 'sh', '-c', shell, process.execPath, script], {
      cwd: dir,
      encoding: 'utf8',
    });
    expect(output).toBe('EBUSY\nkept\n');
  });
});
