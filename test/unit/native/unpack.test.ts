import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { RecordWriter } from '../../../native/record-writer.ts';
import { BatchTree, summarizeTree, UnpackStream } from '../../../native/unpack.ts';
import { errorOf } from './error-of.ts';

const text = Buffer.from('the same again and again, '.repeat(1000));
const digest = (algorithm: string, bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest('hex');

/** What comes out of a stream that gets `input` in pieces, into buffers of another size. */
async function unpack(stream: UnpackStream, input: Uint8Array, piece: number, room: number): Promise<Buffer> {
  const out: Buffer[] = [];
  const buffer = Buffer.alloc(room);
  for (let at = 0, more = false; at < input.length || more; ) {
    const { consumed, produced } = await stream.step(input.subarray(at, at + piece), buffer);
    at += consumed;
    more = produced === room;
    out.push(Buffer.from(buffer.subarray(0, produced)));
  }
  return Buffer.concat(out);
}

describe('a stream', () => {
  const inputs = [
    ['gzip', gzipSync(text)],
    ['zstd', zstdCompressSync(text)],
    ['gzip', Buffer.concat([gzipSync(text.subarray(0, 99)), gzipSync(text.subarray(99)), Buffer.alloc(700)])],
    ['zstd', Buffer.concat([zstdCompressSync(text.subarray(0, 99)), zstdCompressSync(text.subarray(99))])],
  ] as const;
  test.each(inputs)('%s, in pieces of any size', async (compression, input) => {
    for (const [piece, room] of [
      [1, 100_000],
      [13, 64],
      [100_000, 1],
      [100_000, 100_000],
    ] as const) {
      const stream = new UnpackStream({ compression, rawHash: 'sha256', contentHash: 'sha512' });
      expect((await unpack(stream, input, piece, room)).equals(text)).toBe(true);
      expect(stream.end()).toEqual({ raw: digest('sha256', input), content: digest('sha512', text) });
    }
  });

  test.each(['gzip', 'zstd'] as const)('%s that is cut short or damaged', async (compression) => {
    const input = Buffer.from(compression === 'gzip' ? gzipSync(text) : zstdCompressSync(text));
    const cut = new UnpackStream({ compression });
    await unpack(cut, input.subarray(0, -1), 1000, 100_000);
    expect(errorOf(() => cut.end())).toMatchObject({ code: 'EBADMSG' });
    input.fill(0xff, 4, 40);
    await expect(unpack(new UnpackStream({ compression }), input, 1000, 100_000)).rejects.toMatchObject({
      code: 'EBADMSG',
    });
  });

  test('takes one step at a time, and none after its end', async () => {
    const stream = new UnpackStream({ compression: 'none', rawHash: 'sha256' });
    const first = stream.step(text, Buffer.alloc(0));
    await expect(stream.step(text, Buffer.alloc(0))).rejects.toMatchObject({ code: 'EBUSY' });
    expect(await first).toEqual({ consumed: text.length, produced: text.length });
    expect(stream.end().raw).toBe(digest('sha256', text));
    expect(errorOf(() => stream.end())).toMatchObject({ code: 'EBADF' });
  });
});

describe('a tree', () => {
  let dir: string;
  let root: number;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'rkt-batch-'));
    root = openSync(dir, 'r');
  });
  afterEach(() => {
    closeSync(root);
    rmSync(dir, { recursive: true });
  });
  const attributes = { uid: 0, gid: 0, mode: 0o640, mtime: { sec: -2, nsec: 500_000_000 } };

  test('is made from records, and counted', async () => {
    const records = new RecordWriter();
    records.directory(Buffer.from('d'));
    records.file(Buffer.from('d/a'), attributes, { offset: 3, length: 7 });
    records.hardlink(Buffer.from('d/b'), Buffer.from('d/a'));
    records.begin(Buffer.from('c'));
    records.data({ offset: 0, length: 2 });
    records.hole(1000);
    records.end(attributes);
    const tree = new BatchTree(root);
    await tree.run(records.bytes, text, 0);
    tree.close();
    expect(readFileSync(join(dir, 'd/b'))).toEqual(text.subarray(3, 10));
    expect(statSync(join(dir, 'c'))).toMatchObject({ size: 1002, mode: 0o100640, mtimeMs: -1500 });
    expect(summarizeTree(dir)).toEqual({ entries: 4, bytes: 1009 });
  });

  test('stops at what is refused, and goes on where it is told to', async () => {
    const records = new RecordWriter();
    records.directory(Buffer.from('d'));
    const twice = records.directory(Buffer.from('d'));
    const next = records.directory(Buffer.from('e'));
    const tree = new BatchTree(root);
    await expect(tree.run(records.bytes, text, 0)).rejects.toMatchObject({ code: 'EEXIST', at: twice });
    await tree.run(records.bytes, text, next);
    expect(summarizeTree(dir).entries).toBe(2);
    const outside = new RecordWriter();
    outside.file(Buffer.from('d/../../x'), attributes, { offset: 0, length: 1 });
    await expect(tree.run(outside.bytes, text, 0)).rejects.toMatchObject({ code: 'EXDEV' });
    const beyond = new RecordWriter();
    beyond.file(Buffer.from('x'), attributes, { offset: text.length - 1, length: 2 });
    await expect(tree.run(beyond.bytes, text, 0)).rejects.toMatchObject({ code: 'EBADMSG', at: 0 });
    tree.close();
  });
});
