import { describe, expect, test } from '@jest/globals';
import { detectCompression } from '../../../runtime/image/decompress.ts';
import { ArchiveError } from '../../../runtime/image/errors.ts';
import { encodeName } from '../../../runtime/image/name-index.ts';
import { formatPaxRecord } from '../../../runtime/image/pax.ts';
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
    hole: (bytes) => {
      const last = seen.at(-1);
      if (last !== undefined) last.content += `(${bytes})`;
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

describe('sparse files', () => {
  /** A file with these pax records and this content. */
  function sparse(records: Record<string, string>, content: string): Buffer {
    const block = Object.entries(records).map(([key, value]) => formatPaxRecord(key, value));
    const header = Buffer.concat(block);
    const meta = encodeEntry(entry({ path: Buffer.from('PaxHeader'), size: header.length }));
    meta[156] = 0x78;
    let sum = 0;
    meta.fill(0x20, 148, 156);
    for (const byte of meta.subarray(0, 512)) sum += byte;
    meta.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    const file = entry({ path: Buffer.from('GNUSparseFile.0/a'), size: content.length });
    const parts = [meta, header, paddingOf(header.length), encodeEntry(file), Buffer.from(content)];
    return Buffer.concat([...parts, paddingOf(content.length), endOfArchive]);
  }
  const form1 = (map: string, content: string, size: string): Buffer =>
    sparse(
      { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 'a', 'GNU.sparse.realsize': size },
      map.padEnd(512, '\0') + content,
    );
  const form01 = (map: string, content: string, size: string): Buffer =>
    sparse({ 'GNU.sparse.map': map, 'GNU.sparse.size': size, 'GNU.sparse.name': 'a' }, content);

  test.each([1, 513, 1 << 20])('are spread, in pieces of %d bytes', (step) => {
    const joined = read(form1('2\n3\n2\n10\n1\n', 'abc', '20'), step);
    expect(joined[0]).toMatchObject({
      entry: { path: Buffer.from('a'), size: 20 },
      content: expect.stringMatching(/^\(3\)/),
    });
    expect(joined[0]?.content).toBe('(3)ab(5)c(9)');
    expect(read(form01('0,1,5,2,20,0', 'abc', '20'), step)[0]?.content).toBe('a(4)bc(13)');
    expect(read(form01('20,0', '', '20'), step)[0]?.content).toBe('(20)');
  });

  test.each([
    ['overlapping pieces', form01('0,2,1,1', 'abc', '20')],
    ['pieces beyond the end', form01('19,2', 'ab', '20')],
    ['pieces that the archive does not hold', form01('0,3', 'ab', '20')],
    ['half a piece', form01('0,3,5', 'abc', '20')],
    ['a number that is none', form1('1\nx\n3\n', 'abc', '20')],
    ['a number without an end', form1('1'.repeat(40), 'abc', '20')],
    ['a size that is none', form01('0,3', 'abc', '-1')],
    ['a map that does not end', form1('9\n1\n', 'abc', '20')],
  ])('with %s are refused', (_what, bytes) => {
    expect(() => read(bytes, 512)).toThrow('it has a damaged sparse file');
  });

  test('in a form of the future are refused', () => {
    const bytes = sparse({ 'GNU.sparse.major': '2', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '1' }, '');
    expect(() => read(bytes, 512)).toThrow('it has a sparse file of an unknown form');
  });

  test('have their holes counted', () => {
    const count = (bytes: number): void => {
      if (bytes > 100) throw new ArchiveError('too much');
    };
    const sink = { begin: () => {}, data: () => {}, hole: () => {}, end: () => {} };
    expect(() => new TarReader(sink, count).write(form01('0,1', 'a', '1000'))).toThrow('too much');
  });
});
