import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { getXattr } from '../../../native/fs.ts';
import { type Attempt, Budget } from '../../../runtime/image/docker/budget.ts';
import { type UnpackedLayer, unpackLayer } from '../../../runtime/image/docker/layer-unpacking.ts';
import { isIntact, rootfsOf } from '../../../runtime/image/tree-check.ts';
import { sha256 } from '../../support/oci-layout.ts';
import { type Spec, tarOf } from '../image/archives.ts';

let dir: string;
let warnings: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-layer-test-'));
  warnings = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

interface Changes {
  lowest?: boolean;
  budget?: Attempt;
  blob?: Buffer;
  digest?: string;
  diffId?: string;
}

async function* pieces(content: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += 1000) yield content.subarray(at, at + 1000);
}

/** Unpacks a layer with these entries as `name`. */
function unpack(name: string, specs: readonly Spec[], changes: Changes = {}): Promise<UnpackedLayer> {
  const tar = tarOf(specs);
  const blob = changes.blob ?? gzipSync(tar);
  return unpackLayer(pieces(blob), {
    treeDir: join(dir, name),
    digest: changes.digest ?? sha256(blob),
    diffId: changes.diffId ?? sha256(tar),
    lowest: changes.lowest ?? false,
    budget: changes.budget ?? Budget.of(1e9).attempt(),
    warn: (message) => warnings.push(message),
  });
}

const directory = (path: string, mode = 0o755): Spec => ({ path, type: 'directory', mode });
const file = (path: string, content = path): Spec => ({ path, content });
const tree = (name: string): string => rootfsOf(join(dir, name));
const opaque = (path: string): string => {
  try {
    return getXattr(path, 'trusted.overlay.opaque').toString();
  } catch (error) {
    return (error as { code: string }).code;
  }
};

/** What the kernel shows of layers, the lowest first: one line per file, as find(1) prints it. */
function merged(...names: string[]): string[] {
  mkdirSync(join(dir, 'merged'), { recursive: true });
  const lowers = names.toReversed().map(tree).join(':');
  const script =
    'mount -t overlay overlay -o "lowerdir=$1" "$2" && cd "$2" && find . -mindepth 1 -printf "%P %y\\n" | sort';
  const args = ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', lowers, join(dir, 'merged')];
  return execFileSync('unshare', args, { encoding: 'utf8' }).trim().split('\n');
}

test('names with a slash before them, as ko, kaniko and Bazel write them, are names in the layer', async () => {
  await unpack('low', [directory('./'), directory('/usr/', 0o711), directory('./usr/'), file('/usr/gone')], {
    lowest: true,
  });
  const layer = await unpack('high', [
    directory('/', 0o700),
    directory('/ko-app', 0o555),
    file('//ko-app/app'),
    { path: '/ko-app/link', type: 'hardlink', link: '/ko-app/app' },
    file('/usr/.wh.gone', ''),
    { path: '/dev/null', type: 'character', device: { major: 1, minor: 3 } },
  ]);
  expect(statSync(tree('high')).mode & 0o777).toBe(0o700);
  expect(layer.implied).toEqual(['dev', 'usr']);
  expect(isIntact(join(dir, 'high'))).toBe(true);
  expect(merged('low', 'high')).toEqual(['dev d', 'dev/null c', 'ko-app d', 'ko-app/app f', 'ko-app/link f', 'usr d']);
});

describe('whiteouts', () => {
  test('hide files and directories of lower layers', async () => {
    await unpack('low', [directory('a/'), file('a/gone'), file('a/kept'), directory('b/'), file('b/x')], {
      lowest: true,
    });
    const layer = await unpack('high', [directory('a/'), file('a/.wh.gone', ''), file('.wh.b', '')]);
    expect(layer).toMatchObject({ entries: 3, whiteouts: 2 });
    expect(statSync(join(tree('high'), 'b'))).toMatchObject({ rdev: 0 });
    expect(statSync(join(tree('high'), 'b')).isCharacterDevice()).toBe(true);
    expect(isIntact(join(dir, 'high'))).toBe(true);
    expect(merged('low', 'high')).toEqual(['a d', 'a/kept f']);
  });

  test('an opaque directory hides all of it, and nothing in it has to be hidden', async () => {
    await unpack('low', [directory('a/'), file('a/one'), file('a/two'), file('b')], { lowest: true });
    await unpack('high', [directory('a/', 0o700), file('a/new'), file('a/.wh..wh..opq', ''), file('a/.wh.one', '')]);
    expect(opaque(join(tree('high'), 'a'))).toBe('y');
    expect(readdirSync(join(tree('high'), 'a'))).toEqual(['new']);
    expect(merged('low', 'high')).toEqual(['a d', 'a/new f', 'b f']);
  });

  test('a directory that the same layer makes anew, whichever comes first', async () => {
    await unpack('low', [directory('a/'), file('a/old'), directory('b/'), file('b/old')], { lowest: true });
    const layer = await unpack('high', [
      file('.wh.a', ''),
      directory('a/'),
      file('a/new'),
      directory('b/'),
      file('b/new'),
      file('.wh.b', ''),
    ]);
    expect(layer.entries).toBe(4);
    expect(isIntact(join(dir, 'high'))).toBe(true);
    expect(merged('low', 'high')).toEqual(['a d', 'a/new f', 'b d', 'b/new f']);
  });

  test('a file that the same layer makes anew', async () => {
    await unpack('high', [file('.wh.a', ''), file('a', 'new'), file('b', 'new'), file('.wh.b', '')]);
    expect(readFileSync(join(tree('high'), 'a'), 'utf8')).toBe('new');
    expect(readFileSync(join(tree('high'), 'b'), 'utf8')).toBe('new');
    expect(isIntact(join(dir, 'high'))).toBe(true);
  });

  test("of a hard link's target: the other name stays", async () => {
    const link: Spec = { path: 'b', type: 'hardlink', link: '/a' };
    await unpack('low', [file('a', 'content'), link], { lowest: true });
    await unpack('high', [file('.wh.a', '')]);
    expect(merged('low', 'high')).toEqual(['b f']);
    expect(readFileSync(join(tree('low'), 'b'), 'utf8')).toBe('content');
  });

  test('in a directory without an entry', async () => {
    await unpack('low', [directory('a/'), directory('a/b/'), file('a/b/gone'), file('a/b/kept')], { lowest: true });
    await unpack('high', [file('a/b/.wh.gone', '')]);
    expect(isIntact(join(dir, 'high'))).toBe(true);
    expect(merged('low', 'high')).toEqual(['a d', 'a/b d', 'a/b/kept f']);
  });

  test('in the first layer mean nothing', async () => {
    const layer = await unpack('low', [directory('a/'), file('a/.wh.x', ''), file('a/.wh..wh..opq', ''), file('b')], {
      lowest: true,
    });
    expect(layer).toMatchObject({ entries: 2, whiteouts: 2 });
    expect(readdirSync(join(tree('low'), 'a'))).toEqual([]);
    expect(opaque(join(tree('low'), 'a'))).toBe('ENODATA');
  });

  test("aufs' bookkeeping is left out", async () => {
    await unpack('high', [directory('.wh..wh.plnk/'), file('.wh..wh.plnk/1.2'), file('.wh..wh.aufs', ''), file('a')]);
    expect(readdirSync(tree('high'))).toEqual(['a']);
  });

  test('marks of overlayfs in the archive are dropped', async () => {
    const xattrs = new Map([['trusted.overlay.opaque', Buffer.from('y')]]);
    await unpack('high', [{ ...directory('a/'), xattrs }]);
    expect(opaque(join(tree('high'), 'a'))).toBe('ENODATA');
    expect(warnings).toEqual([
      'the extended attribute "trusted.overlay.opaque" is dropped: it has no meaning in a pod',
    ]);
  });
});

describe('layers as builders make them', () => {
  test('a directory twice: the last entry counts', async () => {
    await unpack('high', [directory('a/', 0o700), file('a/x'), directory('a/', 0o750), directory('./')]);
    expect(statSync(join(tree('high'), 'a')).mode & 0o777).toBe(0o750);
    expect(isIntact(join(dir, 'high'))).toBe(true);
  });

  test('an empty one', async () => {
    expect(await unpack('high', [])).toMatchObject({ entries: 0, bytes: 0, whiteouts: 0, size: 1024 });
  });
});

describe('refused', () => {
  const refusal = async (specs: readonly Spec[], changes?: Changes): Promise<string> => {
    try {
      await unpack('bad', specs, changes);
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
    return 'not refused';
  };

  const cases: [specs: Spec[], reason: string][] = [
    [[file('.wh..', '')], '".wh.." is a whiteout of nothing that can be'],
    [[file('.wh...', '')], '".wh..." is a whiteout of nothing that can be'],
    [[file('a/.wh.', '')], '"a/.wh." is a whiteout of nothing that can be'],
    [[file('a/.wh.x/../../b', '')], '"a/.wh.x/../../b" contains ".."'],
    [[file('.wh.a/b', '')], '".wh.a/b" lies below a whiteout'],
    [[file('../.wh.etc', '')], '"../.wh.etc" contains ".."'],
    [[file('/../etc/x')], '"../etc/x" contains ".."'],
    [[file('/etc/x'), file('etc/x')], '"etc/x" stands in it twice'],
    [[{ path: '/l', type: 'symlink', link: '/etc' }, file('//l/passwd')], '"l/passwd" lies beyond a symbolic link'],
    [[{ path: '/', type: 'symlink', link: '/etc' }], 'its root is not a directory'],
    [[{ path: '/x', type: 'character', device: { major: 1, minor: 1 } }], '"/x" is a device node outside of /dev'],
    [
      [{ path: 'l', type: 'symlink', link: '/etc' }, file('l/.wh.passwd', '')],
      '"l/passwd" lies beyond a symbolic link',
    ],
    [[{ path: 'l', type: 'symlink', link: '/etc' }, file('l/.wh..wh..opq', '')], '"l" stands in it twice'],
    [[{ path: 'l', type: 'symlink', link: '/etc' }, file('l/passwd')], '"l/passwd" lies beyond a symbolic link'],
    [[{ path: 'l', type: 'symlink', link: '/etc' }, directory('l/')], '"l" stands in it twice'],
    [[file('a'), file('a')], '"a" stands in it twice'],
    [[file('a'), file('a/.wh.b', '')], '"a/b" lies below something that is no directory'],
    [[{ path: 'x', type: 'hardlink', link: '../../etc/passwd' }], '"../../etc/passwd" contains ".."'],
    [[{ path: 'x', type: 'hardlink', link: '/' }], '"x" is a hard link to a directory'],
    [[{ path: 'x', type: 'character', device: { major: 0, minor: 0 } }], '"x" is a device node outside of /dev'],
  ];
  test.each(cases)('%j', async (specs, reason) => {
    expect(await refusal(specs)).toBe(`ArchiveError: ${reason}`);
  });

  test('a hard link to nothing in the lowest layer; in others it may be to a file below', async () => {
    const link: Spec = { path: 'x', type: 'hardlink', link: 'y' };
    await expect(unpack('low', [link], { lowest: true })).rejects.toThrow(
      '"x" is a hard link to "y", which does not stand before it',
    );
    const layer = await unpack('high', [file('a'), link]);
    expect(layer).toMatchObject({ entries: 1, looseLinks: [{ path: Buffer.from('x'), link: Buffer.from('y') }] });
    expect(isIntact(join(dir, 'high'))).toBe(false);
  });

  test('a layer that is not the promised one', async () => {
    const tar = tarOf([file('a')]);
    const wrong = `sha256:${'0'.repeat(64)}`;
    const blob = gzipSync(tar);
    expect(await refusal([file('a')], { digest: wrong })).toBe(
      `ArchiveError: its digest is ${sha256(blob)}, not ${wrong} as promised`,
    );
    rmSync(join(dir, 'bad'), { recursive: true });
    expect(await refusal([file('a')], { diffId: wrong })).toBe(
      `ArchiveError: its uncompressed digest is ${sha256(tar)}, not ${wrong} as promised`,
    );
  });

  test('more than there is room for', async () => {
    expect(await refusal([file('a', 'x'.repeat(100_000))], { budget: Budget.of(50_000).attempt() })).toBe(
      'ArchiveError: the image unpacks to more than 50000 bytes, nine tenths of what is free',
    );
  });

  test('damaged and unknown compression', async () => {
    const blob = gzipSync(tarOf([file('a', 'x'.repeat(5000))])).subarray(0, 60);
    expect(await refusal([], { blob })).toBe('ArchiveError: its gzip compression is damaged or cut short');
    rmSync(join(dir, 'bad'), { recursive: true });
    expect(await refusal([], { blob: Buffer.from('BZh91AY&SY') })).toBe(
      'ArchiveError: it is compressed with bzip2; layers are compressed with gzip or zstd',
    );
  });
});
