/** Signatures by the real GnuPG: which are good, which are wrong, and which nobody here can judge. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createMessage, generateKey, sign } from 'openpgp';
import { quiet } from '../../../runtime/base/log.ts';
import { KeyStore, SignatureCheck, type Verdict, verifyDetached } from '../../../runtime/image/trust/index.ts';
import { parseKeys } from '../../../runtime/image/trust/keys.ts';
import { GnuPg } from './gnupg.ts';

const content = 'the bytes of an image\r\nwith lines\n';
const now = new Date('2025-01-01T00:00:00Z');
let gpg: GnuPg;
let blob: string;
let stores = 0;

beforeAll(() => {
  gpg = new GnuPg();
  blob = gpg.file(content);
});
afterAll(() => gpg.close());

/** A key store of its own, in which these armored keys are trusted for a prefix (undefined: for every image). */
async function storeWith(armored: string, prefix: string | undefined = 'example.com/app'): Promise<KeyStore> {
  const dir = join(gpg.home, `store-${stores++}`);
  mkdirSync(dir, { mode: 0o755 });
  const store = new KeyStore({ systemConfig: join(dir, 'system'), localConfig: join(dir, 'local'), log: quiet });
  if (armored !== '') for (const key of await parseKeys(Buffer.from(armored), 'test')) await store.add(prefix, key);
  return store;
}

interface Question {
  readonly trusted?: string;
  readonly prefix?: string | undefined;
  readonly name?: string;
  readonly bytes?: string;
  readonly at?: Date;
}

async function verify(
  signature: Uint8Array,
  { trusted = '', prefix, name, bytes, at = now }: Question,
): Promise<Verdict> {
  return verifyDetached({
    blob: bytes === undefined ? blob : gpg.file(bytes),
    signature,
    name: name ?? 'example.com/app',
    keystore: await storeWith(trusted, prefix),
    now: at,
  });
}

/** The message of the error; fails where there is none. */
async function refusal(signature: Uint8Array, question: Question): Promise<string> {
  const error = await verify(signature, question).then(
    (verdict) => verdict,
    (thrown: unknown) => thrown as Error & { code?: string },
  );
  expect(error).toMatchObject({ name: 'RktError', code: 'EVERIFY' });
  return (error as Error).message;
}

const subject = 'image "example.com/app": the signature';

describe('good signatures', () => {
  test.each(['ed25519', 'rsa2048', 'rsa4096', 'nistp256', 'nistp384', 'nistp521'])(
    'by a key of type %s',
    async (algorithm) => {
      const user = `Carly ${algorithm} <${algorithm}@example.com>`;
      const key = gpg.generate(user, { algorithm });
      const verdict = await verify(gpg.sign(content, { by: [key] }), { trusted: gpg.export(key) });
      expect(verdict).toEqual({ state: 'verified', signers: [{ fingerprint: key, identities: [user] }] });
    },
  );

  test.each(['SHA224', 'SHA256', 'SHA384', 'SHA512'])('with hash %s, in binary form', async (hash) => {
    const key = gpg.generate(`hash ${hash} <${hash}@example.com>`, { algorithm: 'rsa2048' });
    const signature = gpg.sign(content, { by: [key], how: ['--digest-algo', hash, '--detach-sign'] });
    expect((signature[0] as number) & 0x80).toBe(0x80);
    expect(await verify(signature, { trusted: gpg.export(key) })).toMatchObject({ state: 'verified' });
  });

  test('by a signing subkey; the signer is the key that was trusted', async () => {
    const user = 'Subkeys <subkeys@example.com>';
    const key = gpg.generate(user, { usage: 'cert' });
    const subkey = gpg.addSubkey(key);
    const signature = gpg.sign(content, { by: [`${subkey}!`] });
    expect(await verify(signature, { trusted: gpg.export(key) })).toEqual({
      state: 'verified',
      signers: [{ fingerprint: key, identities: [user] }],
    });
  });

  test('of nothing at all', async () => {
    const key = gpg.generate('Empty <empty@example.com>');
    expect(await verify(gpg.sign('', { by: [key] }), { trusted: gpg.export(key), bytes: '' })).toMatchObject({
      state: 'verified',
    });
  });

  test('several in one file: those of trusted keys are the signers, others do no harm', async () => {
    const [one, two, stranger] = ['one', 'two', 'three'].map((name) =>
      gpg.generate(`${name} <several-${name}@example.com>`),
    );
    const signature = gpg.sign(content, { by: [stranger as string, one as string, two as string] });
    const verdict = await verify(signature, { trusted: gpg.export(one as string, two as string) });
    expect(verdict.state === 'verified' && verdict.signers.map(({ fingerprint }) => fingerprint).sort()).toEqual(
      [one, two].sort(),
    );
  });

  test('armored one after another in one file', async () => {
    const key = gpg.generate('Joined <joined@example.com>');
    const stranger = gpg.generate('Stranger <stranger@example.com>');
    const file = Buffer.concat([gpg.sign(content, { by: [stranger] }), gpg.sign(content, { by: [key] })]);
    expect(await verify(file, { trusted: gpg.export(key) })).toMatchObject({
      state: 'verified',
      signers: [{ fingerprint: key }],
    });
  });

  test('made before the key expired, judged after', async () => {
    const key = gpg.generate('Expired <expired@example.com>', { expire: '30d' });
    const signature = gpg.sign(content, { by: [key], at: '20240115T000000' });
    expect(await verify(signature, { trusted: gpg.export(key) })).toMatchObject({ state: 'verified' });
  });

  test('made before the key was extended, whose newer self-signature is the only one left', async () => {
    const key = gpg.generate('Extended <extended@example.com>', { expire: '90d' });
    const signature = gpg.sign(content, { by: [key], at: '20240201T000000' });
    gpg.setExpiry(key, '5y', '20240301T000000');
    const minimal = gpg.run(['--armor', '--export-options', 'export-minimal', '--export', key]).toString();
    expect(await verify(signature, { trusted: minimal })).toMatchObject({ state: 'verified' });
  });

  test('fed in pieces, and again after a restart', async () => {
    const key = gpg.generate('Pieces <pieces@example.com>');
    const keystore = await storeWith(gpg.export(key));
    const check = await SignatureCheck.begin(gpg.sign(content, { by: [key] }));
    check.update(Buffer.from('something else that was cut off'));
    check.restart();
    for (const byte of Buffer.from(content)) check.update(Uint8Array.of(byte));
    expect(await check.finish({ name: 'example.com/app', keystore, now })).toMatchObject({ state: 'verified' });
  });

  test.each(['curve25519', 'curve448', 'rsa'] as const)(
    'of version 6 (RFC 9580), which GnuPG does not make: %s',
    async (type) => {
      const userIDs = [{ name: 'Six', email: 'six@example.com' }];
      const config = { v6Keys: true };
      const { privateKey, publicKey } = await generateKey({ type, rsaBits: 2048, userIDs, config, format: 'object' });
      const message = await createMessage({ binary: Buffer.from(content) });
      const armored = await sign({ message, signingKeys: privateKey, detached: true });
      const at = new Date();
      const verdict = await verify(Buffer.from(armored), { trusted: publicKey.armor(), at });
      expect(verdict).toMatchObject({ state: 'verified', signers: [{ fingerprint: publicKey.getFingerprint() }] });
      expect(await refusal(Buffer.from(armored), { trusted: publicKey.armor(), bytes: 'other', at })).toBe(
        `${subject} is wrong: it was made over other bytes`,
      );
    },
  );

  test('by a root key, for any name', async () => {
    const key = gpg.generate('Root <root@example.com>');
    const keystore = await storeWith('');
    for (const parsed of await parseKeys(Buffer.from(gpg.export(key)), 'test')) await keystore.add(undefined, parsed);
    const signature = gpg.sign(content, { by: [key] });
    expect(await verifyDetached({ blob, signature, name: 'other.org/thing', keystore, now })).toMatchObject({
      state: 'verified',
    });
  });
});

describe('signatures that nobody here can judge', () => {
  let key: string;
  let signature: Buffer;
  beforeAll(() => {
    key = gpg.generate('Unknown <unknown@example.com>');
    signature = gpg.sign(content, { by: [key] });
  });

  test('by a key that is not trusted', async () => {
    expect(await verify(signature, {})).toEqual({
      state: 'unverified',
      missingKeyIds: [key],
      hint: 'if you trust its signer: rkt trust --prefix "example.com/app"',
    });
  });

  test.each(['example.com/other', 'example.com/ap', 'example.com/app/deeper', 'example.org'])(
    'by a key that is trusted for %s',
    async (prefix) => {
      const keystore = await storeWith(gpg.export(key), prefix);
      const verdict = await verifyDetached({ blob, signature, name: 'example.com/app', keystore, now });
      const [entry] = await keystore.entries();
      expect(verdict).toEqual({
        state: 'unverified',
        missingKeyIds: [key],
        hint: `its key is trusted for prefix "${prefix}" only; if it may sign this image as well: rkt trust --prefix "example.com/app" ${entry?.path}`,
      });
    },
  );

  test('by an unknown key, over other bytes: wrong all the same', async () => {
    expect(await refusal(signature, { bytes: 'another image' })).toBe(
      `${subject} is wrong: it was made over other bytes`,
    );
  });
});

describe('signatures that are wrong', () => {
  let key: string;
  let trusted: string;
  beforeAll(() => {
    key = gpg.generate('Carly Container <carly@example.com>', { algorithm: 'rsa2048' });
    trusted = gpg.export(key);
  });

  test.each([
    ['one byte more', `${content}x`],
    ['one byte less', content.slice(0, -1)],
    ['other ends of lines', content.replaceAll('\r\n', '\n')],
  ])('of another image: %s', async (_, bytes) => {
    const signature = gpg.sign(content, { by: [key] });
    expect(await refusal(signature, { trusted, bytes })).toBe(`${subject} is wrong: it was made over other bytes`);
  });

  test('forged, with the two digest bytes in the clear made to fit', async () => {
    const [mine, theirs] = [
      gpg.sign('fake', { by: [key], how: ['--detach-sign'] }),
      gpg.sign(content, { by: [key], how: ['--detach-sign'] }),
    ];
    // Both end in: two bytes of the digest, two bytes of length, 256 bytes of RSA.
    const forged = Buffer.concat([theirs.subarray(0, theirs.length - 256), mine.subarray(mine.length - 256)]);
    expect(await refusal(forged, { trusted })).toBe(`${subject} is wrong: Signature verification failed`);
  });

  test('weak hash', async () => {
    const sha1 = gpg.sign(content, { by: [key], how: ['--digest-algo', 'SHA1', '--armor', '--detach-sign'] });
    expect(await refusal(sha1, { trusted })).toBe(`${subject} cannot be used: its hash algorithm SHA-1 can be forged`);
    const ripemd = gpg.sign(content, { by: [key], how: ['--digest-algo', 'RIPEMD160', '--armor', '--detach-sign'] });
    expect(await refusal(ripemd, { trusted })).toBe(
      `${subject} cannot be used: its hash algorithm RIPEMD-160 can be forged`,
    );
    const binary = gpg.sign(content, { by: [key], how: ['--detach-sign'] });
    // New packets have their length in 1 or 2 bytes; then version, type, public-key and hash algorithm.
    const at = binary.indexOf(Buffer.from([4, 0, 1]));
    const md5 = Buffer.from(binary);
    md5[at + 3] = 1;
    expect(await refusal(md5, { trusted })).toBe(`${subject} cannot be used: its hash algorithm MD5 can be forged`);
  });

  test.each([
    ['inline', ['--sign'], 'it is a message with the signed data inside, no detached signature'],
    ['inline, armored', ['--armor', '--sign'], 'it is a message with the signed data inside, no detached signature'],
    ['clearsigned', ['--clearsign'], 'it is a clearsigned text, no detached signature'],
    [
      'text mode',
      ['--armor', '--textmode', '--detach-sign'],
      'it was not made over exact bytes (in text mode, or of a key)',
    ],
  ])('not detached: %s', async (_, how, reason) => {
    expect(await refusal(gpg.sign(content, { by: [key], how }), { trusted })).toBe(
      `${subject} cannot be used: ${reason}`,
    );
  });

  test('no signature at all', async () => {
    const cases: [Uint8Array, string][] = [
      [Buffer.alloc(0), 'it is empty'],
      [Buffer.from(' \n'), 'it is empty'],
      [Buffer.from('<!DOCTYPE html>not found'), 'it is no OpenPGP signature'],
      [Buffer.from(trusted), 'it is a public key'],
      [gpg.exportBinary(key), 'it is a public key'],
      [Buffer.alloc(300 << 10, 0x20), 'it is larger than 256 KiB'],
    ];
    for (const [signature, reason] of cases) {
      expect(await refusal(signature, { trusted })).toBe(`${subject} cannot be used: ${reason}`);
    }
    const binary = gpg.sign(content, { by: [key], how: ['--detach-sign'] });
    expect(await refusal(binary.subarray(0, 100), { trusted })).toMatch(/ cannot be used: it is damaged: /);
  });

  test('more signatures than anybody needs', async () => {
    const one = gpg.sign(content, { by: [key], how: ['--detach-sign'] });
    const many = Buffer.concat(Array.from({ length: 9 }, () => one));
    expect(await refusal(many, { trusted })).toBe(
      `${subject} cannot be used: the file holds 9 signatures, 8 are allowed`,
    );
  });

  test('expired itself', async () => {
    const signature = gpg.sign(content, {
      by: [key],
      how: ['--default-sig-expire', '10d', '--armor', '--detach-sign'],
    });
    expect(await verify(signature, { trusted, at: new Date('2024-02-05T00:00:00Z') })).toMatchObject({
      state: 'verified',
    });
    expect(await refusal(signature, { trusted })).toBe(
      `${subject} cannot be trusted: it expired at 2024-02-11 00:00:00 UTC`,
    );
  });

  test('made in the future, beyond what clocks differ', async () => {
    const signature = gpg.sign(content, { by: [key], at: '20250101T000400' });
    expect(await verify(signature, { trusted })).toMatchObject({ state: 'verified' });
    const later = gpg.sign(content, { by: [key], at: '20250101T000600' });
    expect(await refusal(later, { trusted })).toBe(
      `${subject} cannot be trusted: it was made in the future, at 2025-01-01 00:06:00 UTC`,
    );
  });
});

describe('keys that may not sign', () => {
  test('revoked: also what it signed before', async () => {
    const key = gpg.generate('Revoked <revoked@example.com>');
    const signature = gpg.sign(content, { by: [key] });
    const before = gpg.export(key);
    expect(await verify(signature, { trusted: before })).toMatchObject({ state: 'verified' });
    gpg.revoke(key);
    expect(await refusal(signature, { trusted: gpg.export(key) })).toBe(
      `${subject} cannot be trusted: key ${key} was revoked by its owner`,
    );
  });

  test('revoked as no longer used, at a later date', async () => {
    const key = gpg.generate('Retired <retired@example.com>');
    const signature = gpg.sign(content, { by: [key] });
    gpg.edit(key, ['revkey', 'y', '3', '', 'y', 'save'], '20240601T000000');
    expect(await refusal(signature, { trusted: gpg.export(key) })).toBe(
      `${subject} cannot be trusted: key ${key} was revoked by its owner`,
    );
  });

  test('a revoked subkey', async () => {
    const key = gpg.generate('Half <half@example.com>');
    const subkey = gpg.addSubkey(key);
    const bySubkey = gpg.sign(content, { by: [`${subkey}!`] });
    const byKey = gpg.sign(content, { by: [`${key}!`] });
    gpg.edit(key, ['key 1', 'revkey', 'y', '0', '', 'y', 'save'], '20240601T000000');
    const trusted = gpg.export(key);
    expect(await refusal(bySubkey, { trusted })).toBe(
      `${subject} cannot be trusted: key ${subkey} may not sign: Subkey is revoked`,
    );
    expect(await verify(byKey, { trusted })).toMatchObject({ state: 'verified' });
  });

  test('expired when it signed: key, subkey', async () => {
    const key = gpg.generate('Late <late@example.com>', { expire: '2y' });
    const subkey = gpg.addSubkey(key, { expire: '2y' });
    const signature = gpg.sign(content, { by: [`${key}!`], at: '20240301T000000' });
    const bySubkey = gpg.sign(content, { by: [`${subkey}!`], at: '20240301T000000' });
    // GnuPG does not sign by an expired key: the expiry is moved to before the signature instead.
    gpg.edit(key, ['key 1', 'expire', '20240215T000000', 'save'], '20240202T000000');
    expect(await refusal(bySubkey, { trusted: gpg.export(key) })).toBe(
      `${subject} cannot be trusted: key ${subkey} had expired at 2024-02-15 00:00:00 UTC, before it signed`,
    );
    gpg.setExpiry(key, '20240210T000000', '20240202T000001');
    expect(await refusal(signature, { trusted: gpg.export(key) })).toBe(
      `${subject} cannot be trusted: key ${key} had expired at 2024-02-10 00:00:00 UTC, before it signed`,
    );
  });

  test.each([
    ['rsa1024', 'RSA keys shorter than 2047 bits are considered too weak'],
    ['dsa2048', 'dsa keys are considered too weak'],
  ])('too weak: %s', async (algorithm, reason) => {
    const key = gpg.generate(`Weak <weak-${algorithm}@example.com>`, { algorithm });
    expect(await refusal(gpg.sign(content, { by: [key] }), { trusted: gpg.export(key) })).toBe(
      `${subject} cannot be trusted: key ${key} may not sign: ${reason}`,
    );
  });

  test.each(['brainpoolP256r1', 'secp256k1'])('on a curve that is not supported: %s', async (algorithm) => {
    const key = gpg.generate(`Curve <${algorithm}@example.com>`, { algorithm });
    expect(await refusal(gpg.sign(content, { by: [key] }), { trusted: gpg.export(key) })).toBe(
      `${subject} cannot be judged: keys on curve ${algorithm} are not supported`,
    );
  });

  test('a revocation that any trusted copy of the key knows of counts', async () => {
    const key = gpg.generate('Copies <copies@example.com>');
    const signature = gpg.sign(content, { by: [key] });
    const keystore = await storeWith(gpg.export(key), 'example.com');
    gpg.revoke(key);
    const [revoked] = await parseKeys(Buffer.from(gpg.export(key)), 'test');
    if (revoked !== undefined) await keystore.add(undefined, revoked);
    await expect(verifyDetached({ blob, signature, name: 'example.com/app', keystore, now })).rejects.toThrow(
      `${subject} cannot be trusted: key ${key} was revoked by its owner`,
    );
  });
});

test('what cannot be read', async () => {
  const key = gpg.generate('Files <files@example.com>');
  const keystore = await storeWith(gpg.export(key));
  const signature = gpg.sign(content, { by: [key] });
  const missing = join(gpg.home, 'missing');
  const rest = { name: 'example.com/app', keystore, now };
  await expect(verifyDetached({ ...rest, blob, signature: missing })).rejects.toThrow(
    `${subject} cannot be used: ${missing}: there is no such file`,
  );
  await expect(verifyDetached({ ...rest, blob: missing, signature })).rejects.toThrow(
    `image "example.com/app": verifying its signature: ${missing}: there is no such file`,
  );
  await expect(verifyDetached({ ...rest, blob, signature: gpg.home })).rejects.toThrow(
    `${subject} cannot be used: ${gpg.home}: it is no regular file`,
  );
});
