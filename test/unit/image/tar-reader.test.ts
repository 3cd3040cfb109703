import { describe, expect, test } from '@jest/globals';
import { detectCompression } from '../../../runtime/image/decompress.ts';
import { encodeName } from '../../../runtime/image/name-index.ts';
import type { TarEntry } from '../../../runtime/image/tar-entry.ts';
import { TarReader } from '../../../runtime/image/tar-reader.ts';
import { encodeEntry, endOfArchive, paddingOf } from '../../../runtime/image/tar-writer.ts';

interface Seen {
  entry: TarEntry;
  content: string;
}

function read(archive: Buffer, step: number): Seen[] {
  const seen: Seen[] = [];
  const reader = new TarReader({
    begin: (entry) => seen.push({ entry, content: '' }),
    data: (chunk) => {
      const last = seen.at(-1);
      if (last !== undefined) last.content += chunk.toString('latin1');
    },
    end: () => {},
  });
  for (let at = 0; at < archive.length; at += step) reader.write(archive.subarray(at, at + step));
  reader.end();
  return seen;
}

const entry = (members: Partial<TarEntry>): TarEntry => ({
  type: 'file',
  path: Buffer.from('a'),
  link: Buffer.alloc(0),
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: { sec: 0, nsec: 0 },
  device: { major: 0, minor: 0 },
  xattrs: new Map(),
  ...members,
});

const samples: TarEntry[] = [
  entry({}),
  entry({ path: Buffer.from('x'.repeat(99)), size: 511 }),
  entry({ path: Buffer.from(`${'x'.repeat(150)}/${'y'.repeat(100)}`), size: 512 }),
  entry({ path: Buffer.from(`${'x'.repeat(150)}/${'y'.repeat(101)}`), size: 513 }),
  entry({ path: Buffer.from('z'.repeat(3000)), size: 1 }),
  entry({ path: Buffer.from([0x66, 0xff, 0xfe]), size: 1 }),
  entry({ path: Buffer.from('ü/€'), mtime: { sec: -5, nsec: 250_000_000 } }),
  entry({ type: 'directory', path: Buffer.from('d/'), mode: 0o1777, uid: 4294967294, gid: 2097152 }),
  entry({ type: 'symlink', link: Buffer.from('t'.repeat(300)), mode: 0o777 }),
  entry({ type: 'hardlink', link: Buffer.from([0xfd]) }),
  entry({ type: 'character', device: { major: 1, minor: 3 } }),
  entry({ type: 'block', device: { major: 2097151, minor: 2097151 } }),
  entry({ type: 'fifo', mtime: { sec: 2 ** 40, nsec: 999_999_999 } }),
  entry({
    xattrs: new Map([
      ['user.b', Buffer.from([0, 255, 10])],
      ['user.a', Buffer.alloc(0)],
    ]),
  }),
];

const contentOf = ({ size }: TarEntry): Buffer => Buffer.alloc(size, 0x71);
const archive = Buffer.concat([
  ...samples.flatMap((sample) => [encodeEntry(sample), contentOf(sample), paddingOf(sample.size)]),
  endOfArchive,
]);

describe('what was written is read', () => {
  test.each([1, 7, 511, 512, 513, 10_000, 1 << 20])('in pieces of %d bytes', (step) => {
    const seen = read(archive, step);
    expect(seen.map((item) => item.entry)).toEqual(samples);
    expect(seen.map((item) => item.content)).toEqual(samples.map((sample) => contentOf(sample).toString('latin1')));
  });
});

test('every way of cutting an archive short is noticed', () => {
  const end = archive.length - endOfArchive.length;
  for (let cut = 1; cut <= end; cut += 97) {
    expect(() => read(archive.subarray(0, cut), 4096)).toThrow(
      cut < 512 ? 'it is no tar archive' : 'it ends too early',
    );
  }
});

test('random damage is an error or another archive, never a crash', () => {
  let state = 12345;
  const random = (below: number): number => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state % below;
  };
  for (let round = 0; round < 2000; round++) {
    const damaged = Buffer.from(archive);
    for (let n = 0; n < 3; n++) damaged.writeUInt8(random(256), random(damaged.length));
    try {
      read(damaged, 8192);
    } catch (error) {
      expect((error as Error).name).toBe('ArchiveError');
    }
  }
});

test('compression is told by the first bytes', () => {
  expect(detectCompression(Buffer.from('1f8b0800', 'hex'))).toBe('gzip');
  expect(detectCompression(Buffer.from('BZh9'))).toBe('bzip2');
  expect(detectCompression(Buffer.from('fd377a585a00', 'hex'))).toBe('xz');
  expect(detectCompression(Buffer.from('28b52ffd', 'hex'))).toBe('zstd');
  expect(detectCompression(Buffer.from('manifest'))).toBe('none');
  expect(detectCompression(Buffer.from('1f', 'hex'))).toBe('none');
  expect(detectCompression(Buffer.alloc(0))).toBe('none');
});

test('names of images become names of files', () => {
  expect(encodeName('example.com/a')).toBe('example.com%2Fa');
  expect(encodeName('a'.repeat(255))).toBe('a'.repeat(255));
  expect(encodeName('a'.repeat(256))).toMatch(/^%[0-9a-f]{128}$/);
});
