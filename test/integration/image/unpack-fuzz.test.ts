/** The C side of unpacking against arbitrary bytes, under the address and undefined-behaviour sanitizers. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from '@jest/globals';
import { RecordWriter } from '../../../native/record-writer.ts';
import { buildSanitized } from '../../support/sanitized.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const dir = mkdtempSync(join(tmpdir(), 'unpack-fuzz-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** The programs that node exports; here they come from the system's libraries. Debian has these in every installation. */
const libraries = ['-l:libz.so.1', '-l:libcrypto.so.3', '-l:libzstd.so.1'];

/** Builds a target, runs it on a corpus in a directory of its own, and returns how many inputs it tried. */
function fuzz(name: string, sources: readonly string[], corpus: readonly Uint8Array[], iterations: number): number {
  const driver = join(dir, name);
  const include = [`-I${join(root, 'node_modules', `node-linux-${process.arch}`, 'include', 'node')}`];
  const files = [`test/fuzz/${name}.c`, 'test/fuzz/fuzz-driver.c', ...sources, 'native/src/common/error.c'];
  expect(buildSanitized(driver, [...include, ...files, ...libraries])).toEqual({ status: 0, stderr: '' });
  const paths = corpus.map((bytes, index) => {
    const path = join(dir, `${name}-${index}`);
    writeFileSync(path, bytes);
    return path;
  });
  const cwd = join(dir, `${name}-work`);
  mkdirSync(cwd);
  const run = spawnSync(driver, [String(iterations), '10', '7', ...paths], { cwd, encoding: 'utf8' });
  expect([run.status, run.stderr]).toEqual([0, '']);
  return Number(run.stdout);
}

const addon = (...names: string[]): string[] => names.map((name) => `native/src/addon/${name}.c`);

/** Records of every kind, and content for them. */
function records(): Buffer {
  const writer = new RecordWriter();
  const attributes = { uid: 0, gid: 0, mode: 0o4755, mtime: { sec: -1, nsec: 5 } };
  const path = (text: string): Buffer => Buffer.from(text);
  writer.directory(path('d'));
  writer.file(path('d/whole'), attributes, { offset: 0, length: 5 });
  writer.begin(path('d/parts'));
  writer.data({ offset: 2, length: 3 });
  writer.hole(4096);
  writer.data({ offset: 0, length: 70_000 });
  writer.end(attributes);
  writer.symlink(path('d/link'), attributes, path('/etc'));
  writer.file(path('d/link/passwd'), attributes, { offset: 0, length: 1 });
  writer.hardlink(path('d/again'), path('d/whole'));
  writer.node(path('pipe'), attributes, 0o010000, { major: 0, minor: 0 });
  writer.xattr(path('d/whole'), path('user.a'), Buffer.from('value'));
  const length = Buffer.alloc(2);
  length.writeUInt16LE(writer.length);
  return Buffer.concat([length, writer.bytes, Buffer.alloc(30_000)]);
}

test('records of a tree are carried out or refused, inside their directory', () => {
  const all = records();
  // Without the one that passes through a link the rest is reached as well.
  const simple = new RecordWriter();
  simple.directory(Buffer.from('a'));
  simple.begin(Buffer.from('a/b'));
  simple.data({ offset: 0, length: 100 });
  const length = Buffer.alloc(2);
  length.writeUInt16LE(simple.length);
  const corpus = [all, Buffer.concat([length, simple.bytes, Buffer.alloc(200, 1)])];
  const sources = addon('tree-batch', 'tree-file', 'fs', 'remove-tree');
  expect(fuzz('tree-fuzz', sources, corpus, 30_000)).toBeGreaterThan(500);
});

test('compressed bytes are unpacked or refused', () => {
  const packed = gzipSync(Buffer.from('some text, some text, some more text\n'.repeat(50)));
  const corpus = [0x70, 0xf2, 0x04].map((options) =>
    Buffer.concat([Buffer.from([options]), packed, packed, Buffer.alloc(9)]),
  );
  const sources = addon('unpack-stream', 'hash');
  expect(fuzz('stream-fuzz', sources, corpus, 30_000)).toBeGreaterThan(500);
});
