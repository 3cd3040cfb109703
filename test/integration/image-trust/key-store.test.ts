/** The directories of trusted keys: layout, order, masks, and files that must not be believed. */

import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Key } from 'openpgp';
import { createLog } from '../../../runtime/base/log.ts';
import { KeyStore, listKeys, untrustKey } from '../../../runtime/image/trust/index.ts';
import { factsOf, mergeKeys, parseKeys } from '../../../runtime/image/trust/keys.ts';
import { GnuPg } from './gnupg.ts';

let gpg: GnuPg;
let alice: string;
let bob: string;
let dir: string;
let runs = 0;
let printed: string[];

beforeAll(() => {
  gpg = new GnuPg();
  alice = gpg.generate('Alice <alice@example.com>');
  bob = gpg.generate('Bob <bob@example.com>');
});
afterAll(() => gpg.close());
beforeEach(() => {
  dir = join(gpg.home, `run-${runs++}`);
  mkdirSync(dir, { mode: 0o755 });
  printed = [];
});

const open = (): KeyStore =>
  new KeyStore({
    systemConfig: join(dir, 'usr'),
    localConfig: join(dir, 'etc'),
    log: createLog((line) => printed.push(line), false),
  });

/** Puts a file where rkt 1.x would have it; `where` as `etc/root.d` or `usr/prefix.d/example.com`. */
function put(where: string, name: string, content: string | Uint8Array): string {
  const [config, ...rest] = where.split('/') as [string, ...string[]];
  const path = join(dir, config, 'trustedkeys', ...rest, name);
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, content, { mode: 0o644 });
  return path;
}

/** Which keys may vouch for an image of this name. */
const trusted = async (name: string): Promise<string[]> =>
  (await open().trustedFor(name)).map((key) => key.getFingerprint()).sort();

async function add(prefix: string | undefined, key: string): Promise<string> {
  const [parsed] = await parseKeys(Buffer.from(gpg.export(key)), 'test');
  if (parsed === undefined) throw new Error(`no key ${key}`);
  return open().add(prefix, parsed);
}

describe('layout', () => {
  test('a prefix with slashes is a nested directory, a key an armored file named by its fingerprint', async () => {
    const path = await add('example.com/team/app', alice);
    expect(path).toBe(join(dir, 'etc/trustedkeys/prefix.d/example.com/team/app', alice));
    expect(readFileSync(path, 'utf8')).toMatch(/^-----BEGIN PGP PUBLIC KEY BLOCK-----\n/);
    expect(statSync(path).mode & 0o7777).toBe(0o644);
    for (let up = dirname(path); up !== dir; up = dirname(up)) expect(statSync(up).mode & 0o7777).toBe(0o755);
    expect(await add(undefined, bob)).toBe(join(dir, 'etc/trustedkeys/root.d', bob));
  });

  test('directories do not get narrower by the umask', async () => {
    const before = process.umask(0o077);
    try {
      const path = await add('example.com', alice);
      expect([statSync(path).mode & 0o777, statSync(dirname(path)).mode & 0o777]).toEqual([0o644, 0o755]);
    } finally {
      process.umask(before);
    }
  });

  test('keys that were put there by hand: armored, binary, several in a file of which one is meant', async () => {
    put('etc/prefix.d/armored.com', alice, gpg.export(alice));
    put('etc/prefix.d/binary.com', alice, gpg.exportBinary(alice));
    put('etc/prefix.d/several.com', bob, gpg.export(alice, bob));
    put('etc/prefix.d/joined.com', bob, gpg.export(alice) + gpg.export(bob));
    expect(await trusted('armored.com')).toEqual([alice]);
    expect(await trusted('binary.com')).toEqual([alice]);
    expect(await trusted('several.com')).toEqual([bob]);
    expect(await trusted('joined.com')).toEqual([bob]);
    expect(printed).toEqual([]);
  });

  test('what is not named by a fingerprint is nothing', async () => {
    put('etc/prefix.d/example.com', 'README', 'keys of our team\n');
    put('etc/prefix.d/example.com', '.gitkeep', '');
    put('etc/prefix.d/example.com', alice.toUpperCase(), gpg.export(alice));
    expect(await trusted('example.com')).toEqual([]);
  });

  test('no directories, no keys', async () => {
    expect(await trusted('example.com')).toEqual([]);
    expect(await open().entries()).toEqual([]);
  });
});

describe('prefixes are whole components', () => {
  beforeEach(async () => {
    await add('example.com/app', alice);
  });

  test.each(['example.com/app', 'example.com/app/sub', 'example.com/app/sub/deep'])('%s', async (name) => {
    expect(await trusted(name)).toEqual([alice]);
  });

  test.each([
    'example.com',
    'example.com/ap',
    'example.com/apps',
    'example.com/appendix/x',
    'example.org/app',
    'xexample.com/app',
  ])('not %s', async (name) => {
    expect(await trusted(name)).toEqual([]);
  });

  test('a name cannot climb', async () => {
    put('etc/root.d', bob, '');
    expect(await trusted('example.org/../example.com/app')).toEqual([]);
    expect(await trusted('example.com/app/../../other')).toEqual([alice]);
  });

  test.each([
    ['https://example.com', '--prefix must not contain a URL scheme, omit https://'],
    ['', 'prefix "": it must not be empty'],
    ['example.com/../../root.d', 'prefix "example.com/../../root.d": its components must not be empty, "." or ".."'],
    ['example.com//x', 'prefix "example.com//x": its components must not be empty, "." or ".."'],
    [
      'Example.com',
      'prefix "Example.com": it must consist of lower-case letters, digits and "-._~/", with a letter or digit at both ends',
    ],
  ])('prefix %j is refused', async (prefix, message) => {
    await expect(add(prefix, alice)).rejects.toThrow(new Error(message));
    expect(lstatSync(join(dir, 'etc/trustedkeys/root.d'), { throwIfNoEntry: false })).toBeUndefined();
  });
});

describe('masks', () => {
  test('an empty local file disables the system key of its name, there and below', async () => {
    put('usr/prefix.d/example.com', alice, gpg.export(alice));
    expect(await trusted('example.com/app')).toEqual([alice]);
    put('etc/prefix.d/example.com', alice, '');
    expect(await trusted('example.com/app')).toEqual([]);
    expect(printed).toEqual([]);
    expect(await open().hintFor('example.com/app', [alice])).toBe(
      `its key is disabled by ${join(dir, 'etc/trustedkeys/prefix.d/example.com', alice)}; ` +
        'if you trust it all the same: rkt trust --prefix "example.com/app" KEY',
    );
  });

  test('of a root key; for one prefix only; by a link to /dev/null', async () => {
    put('usr/root.d', alice, gpg.export(alice));
    put('etc/prefix.d/example.com/app', alice, '');
    expect(await trusted('example.com/app')).toEqual([]);
    expect(await trusted('example.com/other')).toEqual([alice]);
    const mask = put('etc/root.d', alice, '');
    expect(await trusted('example.com/other')).toEqual([]);
    rmSync(mask);
    symlinkSync('/dev/null', mask);
    expect(await trusted('example.com/other')).toEqual([]);
  });

  test('trusting the key again ends it', async () => {
    put('usr/prefix.d/example.com', alice, gpg.export(alice));
    put('etc/prefix.d/example.com', alice, '');
    await add('example.com', alice);
    expect(await trusted('example.com')).toEqual([alice]);
  });
});

describe('files that are not believed', () => {
  /** A key of the distribution, which the local file would replace: it must not come back in its place. */
  beforeEach(() => {
    put('usr/prefix.d/example.com', alice, gpg.export(alice));
  });

  async function distrusted(path: string, reason: string): Promise<void> {
    expect(await trusted('example.com')).toEqual([]);
    expect(printed).toEqual([`rkt: warning: trusted key ${path} is not used: ${reason}\n`]);
    printed = [];
  }

  test('named by another fingerprint', async () => {
    const path = put('etc/prefix.d/example.com', alice, gpg.export(bob));
    await distrusted(path, `it holds key ${bob}, not the one of its name`);
  });

  test('no key, a damaged key, a secret key', async () => {
    await distrusted(put('etc/prefix.d/example.com', alice, 'garbage'), 'it holds no OpenPGP public key');
    await distrusted(put('etc/prefix.d/example.com', alice, gpg.exportSecret(alice)), 'it holds a secret key');
    put('etc/prefix.d/example.com', alice, gpg.exportBinary(alice).subarray(0, 40));
    expect(await trusted('example.com')).toEqual([]);
    expect(printed.join()).toMatch(/ is not used: it is damaged: /);
  });

  test('writable by others, or theirs', async () => {
    const path = put('etc/prefix.d/example.com', alice, gpg.export(alice));
    expect(await trusted('example.com')).toEqual([alice]);
    chmodSync(path, 0o666);
    await distrusted(path, 'everyone can write it');
    chmodSync(path, 0o664);
    chownSync(path, 0, 54321);
    await distrusted(path, 'group 54321 can write it');
    chmodSync(path, 0o644);
    chownSync(path, 54321, 0);
    await distrusted(path, 'it belongs to user 54321');
    chownSync(path, 0, 0);
    expect(await trusted('example.com')).toEqual([alice]);
  });

  test('in a directory that others can write, at any height; nothing is added there', async () => {
    const path = put('etc/prefix.d/example.com', alice, gpg.export(alice));
    for (const name of ['etc', 'etc/trustedkeys', 'etc/trustedkeys/prefix.d', 'etc/trustedkeys/prefix.d/example.com']) {
      const open = join(dir, name);
      chmodSync(open, 0o777);
      await distrusted(path, `${open}: everyone can write it`);
      await expect(add('example.com', bob)).rejects.toThrow(`keys are not trusted in ${open}: everyone can write it`);
      chmodSync(open, 0o755);
    }
    expect(await trusted('example.com')).toEqual([alice]);
  });

  test('a link is as good as the file at its end', async () => {
    const target = join(dir, 'target');
    writeFileSync(target, gpg.export(alice), { mode: 0o644 });
    const path = put('etc/prefix.d/example.com', alice, '');
    rmSync(path);
    symlinkSync(target, path);
    expect(await trusted('example.com')).toEqual([alice]);
    chownSync(target, 54321, 0);
    await distrusted(path, 'it belongs to user 54321');
    rmSync(target);
    await distrusted(path, 'there is no such file');
  });

  test('a linked directory is no prefix', async () => {
    await add('example.org', bob);
    symlinkSync('example.org', join(dir, 'etc/trustedkeys/prefix.d/example.net'));
    expect(await trusted('example.net')).toEqual([]);
    expect(printed).toEqual([
      `rkt: warning: trusted key ${join(dir, 'etc/trustedkeys/prefix.d/example.net', bob)} is not used: ` +
        `${join(dir, 'etc/trustedkeys/prefix.d/example.net')}: it is no directory\n`,
    ]);
  });
});

describe('copies', () => {
  test('an older copy does not take back a revocation', async () => {
    const carol = gpg.generate('Carol <carol@example.com>');
    const before = await parseKeys(Buffer.from(gpg.export(carol)), 'test');
    gpg.revoke(carol);
    await add('example.com', carol);
    for (const key of before) await open().add('example.com', key);
    expect(await listKeys(open())).toMatchObject([{ fingerprint: carol, state: 'revoked' }]);
  });
});

describe('copies, one with a revocation that is not its own', () => {
  test('the true revocation of the other still counts', async () => {
    const [erin, frank] = [gpg.generate('Erin <erin@example.com>'), gpg.generate('Frank <frank@example.com>')];
    const parse = async (key: string) => (await parseKeys(Buffer.from(gpg.export(key)), 'test'))[0] as Key;
    const tampered = await parse(erin);
    for (const key of [erin, frank]) gpg.revoke(key);
    const [revoked, stranger] = [await parse(erin), await parse(frank)];
    tampered.revocationSignatures = stranger.revocationSignatures;
    expect((await factsOf(tampered)).revoked).toBe(false);
    expect((await factsOf(await mergeKeys([tampered, revoked]))).revoked).toBe(true);
    expect((await factsOf(await mergeKeys([revoked, tampered]))).revoked).toBe(true);
  });
});

describe('list', () => {
  test('every file, with what it is worth', async () => {
    const dave = gpg.generate('Dave <dave@example.com>', { expire: '20240601T000000' });
    put('usr/prefix.d/example.com', alice, gpg.export(alice));
    put('etc/prefix.d/example.com', alice, '');
    put('etc/prefix.d/example.com/app', dave, gpg.export(dave));
    put('etc/prefix.d/example.com/app', alice, 'garbage');
    await add(undefined, bob);
    const rows = (await listKeys(open())).map(({ prefix, fingerprint, state, origin }) => [
      prefix,
      fingerprint,
      state,
      origin,
    ]);
    expect(rows).toEqual([
      [undefined, bob, 'trusted', 'local'],
      ['example.com', alice, 'disabled', 'system'],
      ['example.com', alice, 'disabled', 'local'],
      ...[
        ['example.com/app', dave, 'expired 2024-06-01', 'local'],
        ['example.com/app', alice, 'unusable: it holds no OpenPGP public key', 'local'],
      ].sort((a, b) => ((a[1] as string) < (b[1] as string) ? -1 : 1)),
    ]);
  });
});

describe('rm', () => {
  const rm = (key: string, from: Parameters<typeof untrustKey>[0]['from'] = 'anywhere'): Promise<string> =>
    untrustKey({ keystore: open(), key, from });

  test('a local key, by fingerprint in any spelling', async () => {
    for (const spelling of [alice, alice.toUpperCase(), `0x${alice.slice(-16)}`, alice.replace(/(.{4})/g, '$1 ')]) {
      const path = await add('example.com', alice);
      expect(await rm(spelling)).toBe(`Removed key for prefix "example.com" at "${path}"`);
      expect(await trusted('example.com')).toEqual([]);
    }
    const path = await add(undefined, alice);
    expect(await rm(alice)).toBe(`Removed root key at "${path}"`);
  });

  test('a system key is disabled, also where a local file hides it', async () => {
    put('usr/prefix.d/example.com', alice, gpg.export(alice));
    const mask = join(dir, 'etc/trustedkeys/prefix.d/example.com', alice);
    expect(await rm(alice)).toBe(`Disabled key for prefix "example.com" by "${mask}"`);
    expect([await trusted('example.com'), statSync(mask).size]).toEqual([[], 0]);
    await add('example.com', alice);
    expect(await rm(alice, { prefix: 'example.com' })).toBe(`Disabled key for prefix "example.com" by "${mask}"`);
    expect(await trusted('example.com')).toEqual([]);
    await expect(rm(alice)).rejects.toThrow(new Error(`key ${alice} is not trusted`));
  });

  test('what is not clear is refused', async () => {
    await add('example.com', alice);
    await add(undefined, alice);
    await expect(rm(alice)).rejects.toThrow(
      new Error(`key ${alice} is trusted as a root key and for prefix "example.com"`),
    );
    await expect(rm(alice, { prefix: 'example.org' })).rejects.toThrow(
      new Error(`key ${alice} is not trusted there, but as a root key and for prefix "example.com"`),
    );
    await expect(rm(bob)).rejects.toThrow(new Error(`key ${bob} is not trusted`));
    await expect(rm('alice')).rejects.toThrow(new Error('"alice" is no fingerprint of a key'));
    await rm(alice, 'root');
    expect((await open().entries()).map(({ prefix }) => prefix)).toEqual(['example.com']);
  });
});
