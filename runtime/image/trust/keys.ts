/** Public keys: reading files of them, and what they say about themselves. */

import type { Key, PublicKey } from 'openpgp';
import { messageOf } from '../../base/errors.ts';
import { keyError } from './errors.ts';
import { contentsOf, type Kind } from './packets.ts';
import { reasonOf, unsupportedReason } from './strength.ts';
import { printable } from './text.ts';

/** Public keys with many certifications reach some hundred KiB; a file may hold several. */
export const maxKeyFileBytes = 4 << 20;

/**
 * Tells the library to look at all self-signatures and revocations whatever their dates. What a date means here is decided in
 * judge.ts, by the newest self-signature as GnuPG does.
 */
export const anyTime = null as unknown as Date;

const notPublic: Readonly<Record<Exclude<Kind, 'public key'>, string>> = {
  signature: 'it holds a signature, no key',
  'secret key': 'it holds a secret key',
  'clearsigned text': 'it holds a signed text, no key',
  message: 'it holds an OpenPGP message, no key',
  nothing: 'it is empty',
  unknown: 'it holds no OpenPGP public key',
};

/**
 * The public keys of a file, armored or binary. `what` begins the error: EKEY `key "https://…": it holds a secret key`.
 */
export async function parseKeys(bytes: Uint8Array, what: string): Promise<Key[]> {
  const { kind, blocks } = contentsOf(bytes);
  if (kind !== 'public key') {
    throw keyError(`${what}: ${notPublic[kind]}`, 'public keys are written by: gpg --armor --export KEY');
  }
  const { readKeys } = await import('./openpgp.ts');
  try {
    if (blocks === undefined) return onlyPublic(await readKeys({ binaryKeys: bytes }), what);
    const keys: Key[] = [];
    for (const block of blocks) keys.push(...(await readKeys({ armoredKeys: block })));
    return onlyPublic(keys, what);
  } catch (cause) {
    throw keyError(`${what}: it is damaged: ${messageOf(cause)}`, 'get the file again from where it came from', cause);
  }
}

function onlyPublic(keys: readonly Key[], what: string): Key[] {
  if (keys.some((key) => key.isPrivate())) throw new Error(`${what} holds a secret key as well`);
  return [...keys];
}

export interface KeyFacts {
  readonly fingerprint: string;
  /** User ids that the key signed and has not revoked, printable, primary first. Others could claim to be anybody. */
  readonly identities: readonly string[];
  /** When it expires or expired; undefined: never. */
  readonly expires: Date | undefined;
  readonly revoked: boolean;
  /** Why no signature of the key can be accepted whenever it was made (too weak, cannot sign); undefined where some can. */
  readonly unusable: string | undefined;
}

export async function factsOf(key: Key): Promise<KeyFacts> {
  const expires = await key.getExpirationTime();
  const revoked = await key.isRevoked(undefined, undefined, anyTime);
  return {
    fingerprint: key.getFingerprint(),
    identities: await identitiesOf(key),
    expires: expires instanceof Date ? expires : undefined,
    revoked,
    unusable: revoked ? undefined : await unusableReason(key),
  };
}

async function identitiesOf(key: Key): Promise<string[]> {
  const good: string[] = [];
  for (const user of key.users) {
    if (user.userID === null) continue;
    const signed = await user.verify(anyTime).catch(() => false);
    if (signed) good.push(printable(user.userID.userID));
  }
  const primary = await key.getPrimaryUser(anyTime).catch(() => undefined);
  const first = primary?.user.userID == null ? undefined : printable(primary.user.userID.userID);
  return first === undefined ? good : [first, ...good.filter((identity) => identity !== first)];
}

async function unusableReason(key: Key): Promise<string | undefined> {
  const unsupported = unsupportedReason(key);
  if (unsupported !== undefined) return unsupported;
  try {
    await key.getSigningKey(undefined, null);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** One key out of copies of it, with the revocations and extensions of all. */
export async function mergeKeys(copies: readonly [Key, ...Key[]]): Promise<Key> {
  let [merged, ...rest] = copies;
  for (const copy of rest) {
    const { revocationSignatures } = merged;
    merged = await merged.update(copy as PublicKey);
    // The library takes revocations over only where there was none before, be it a wrong one. Wrong ones do no harm.
    merged.revocationSignatures = [...revocationSignatures, ...copy.revocationSignatures];
  }
  return merged;
}
