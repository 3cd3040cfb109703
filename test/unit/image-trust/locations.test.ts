import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isDomain, isProven, readKeyLocation } from '../../../runtime/image/trust/locations.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-locations-'));
  writeFileSync(join(dir, 'a key.asc'), 'content');
});
afterAll(() => rmSync(dir, { recursive: true }));

const asked: string[] = [];
const read = (location: string, allowHttp = false): Promise<string> =>
  readKeyLocation(location, {
    allowHttp,
    download: async (url, maxBytes) => {
      asked.push(url);
      return Buffer.from(`${maxBytes} bytes at most`);
    },
  }).then((bytes) => Buffer.from(bytes).toString());

describe('locations of keys', () => {
  test('files', async () => {
    expect(await read(join(dir, 'a key.asc'))).toBe('content');
    expect(await read(`file://${dir}/a%20key.asc`)).toBe('content');
    await expect(read(join(dir, 'none'))).rejects.toMatchObject({
      message: `key "${dir}/none": there is no such file`,
    });
    await expect(read(dir)).rejects.toMatchObject({ message: `key "${dir}": it is no regular file` });
  });

  test('URLs', async () => {
    expect(await read('https://example.com/k.gpg')).toBe(`${4 << 20} bytes at most`);
    await expect(read('http://example.com/k.gpg')).rejects.toMatchObject({
      message: 'key "http://example.com/k.gpg": plain HTTP is not allowed, anyone on the way could put in another key',
      hint: '--insecure-allow-http required for http URLs',
    });
    expect(asked).toEqual(['https://example.com/k.gpg']);
    expect(await read('http://example.com/k.gpg', true)).toBe(`${4 << 20} bytes at most`);
    await expect(read('ftp://example.com/k.gpg')).rejects.toThrow(
      new Error('key "ftp://example.com/k.gpg": only local files and http or https URLs are supported'),
    );
  });

  test('only HTTPS proves where a key is from', () => {
    const proven = (...insecure: string[]): boolean[] =>
      ['https://a.b/k', 'HTTPS://a.b/k', 'http://a.b/k', 'k'].map((location) => isProven(location, new Set(insecure)));
    expect(proven()).toEqual([true, true, false, false]);
    expect(proven('http')).toEqual([true, true, false, false]);
    expect(proven('tls')).toEqual([false, false, false, false]);
    expect(proven('tls', 'pubkey')).toEqual([true, true, true, false]);
  });
});

test.each([
  ['coreos.com', true],
  ['storage.coreos.com', true],
  ['pubkeys.gpg', false],
  ['carly.pub', false],
  ['./coreos.com', false],
  ['coreos.com/etcd', false],
  ['https://coreos.com', false],
  ['keys', false],
  ['10.0.0.1', false],
])('%s stands for a domain: %s', (location, expected) => {
  expect(isDomain(location)).toBe(expected);
});

test('a file goes before a domain', () => {
  const before = process.cwd();
  process.chdir(dir);
  try {
    writeFileSync('coreos.com', 'key');
    expect(isDomain('coreos.com')).toBe(false);
  } finally {
    process.chdir(before);
  }
});
