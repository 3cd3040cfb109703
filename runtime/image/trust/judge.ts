/** One signature, one key: is it good? */

import type { Key, SignaturePacket, Subkey } from 'openpgp';
import { messageOf } from '../../base/errors.ts';
import { verifyError } from './errors.ts';
import { anyTime } from './keys.ts';
import { binarySignature } from './signature.ts';
import { reasonOf, unsupportedReason } from './strength.ts';

/** How far the clocks of signer and verifier may be apart. */
const clockTolerance = 5 * 60_000;

export interface Case {
  readonly packet: SignaturePacket;
  /** Of the bytes at hand, as the signature would have it. */
  readonly digest: Uint8Array;
  /** Begins errors: `image "example.com/app": the signature`. */
  readonly what: string;
  readonly now: Date;
}

/**
 * Whether the digest can be the signed one, by the two bytes of it that every signature repeats in the clear. They are there for
 * this quick check only and prove nothing.
 */
export function digestAgrees({ packet, digest }: Case): boolean {
  const start = packet.signedHashValue as Uint8Array;
  return start[0] === digest[0] && start[1] === digest[1];
}

export const notTheseBytes = (what: string): Error =>
  verifyError(
    `${what} is wrong: it was made over other bytes`,
    'the image was changed, damaged on its way, or the signature belongs to another image',
  );

/**
 * Resolves where `key` made the signature over the digest and might do so at that time. Errors: EVERIFY with the reason.
 * Expiry is judged at the time of signing, by the key's newest self-signature: an image outlives its signing key. A
 * revoked key counts for nothing, whenever it signed, since whoever stole it can choose the date.
 */
export async function judge(subject: Case, key: Key): Promise<void> {
  const { packet, what } = subject;
  const part = key.getKeys(packet.issuerKeyID)[0] as Key | Subkey;
  if (!digestAgrees(subject)) throw notTheseBytes(what);
  const unsupported = unsupportedReason(key) ?? unsupportedReason(part);
  if (unsupported !== undefined) throw verifyError(`${what} cannot be judged: ${unsupported}`);
  await checkMathematics(subject, part);
  checkDates(subject, part);
  const name = `key ${key.getFingerprint()}`;
  if (await key.isRevoked(undefined, undefined, anyTime)) {
    throw verifyError(
      `${what} cannot be trusted: ${name} was revoked by its owner`,
      'ask the publisher for a new signature',
    );
  }
  await checkMaySign(subject, key, part);
  await checkNotExpired(subject, key, part);
}

/**
 * The library takes a digest that was computed elsewhere through the member `hashed`, which it uses itself for signatures that
 * come after their data. Should it ever stop looking there, it would ask the message for its bytes, and get an error.
 */
async function checkMathematics({ packet, digest, what }: Case, part: Key | Subkey): Promise<void> {
  const noData = {
    text: null,
    getBytes: () => {
      throw new Error('the digest was not used');
    },
  };
  const prepared = Object.assign(packet, { hashed: digest });
  try {
    await prepared.verify(part.keyPacket, binarySignature, noData, anyTime, true);
  } catch (cause) {
    throw verifyError(`${what} is wrong: ${messageOf(cause)}`, undefined, cause);
  }
}

const day = (date: Date): string =>
  date
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC');

function checkDates({ packet, what, now }: Case, part: Key | Subkey): void {
  const created = packet.created as Date;
  if (created < part.getCreationTime()) {
    throw verifyError(`${what} cannot be trusted: it says that it is older than its key`);
  }
  if (created.getTime() > now.getTime() + clockTolerance) {
    throw verifyError(
      `${what} cannot be trusted: it was made in the future, at ${day(created)}`,
      'check the clock of this machine',
    );
  }
  const expires = packet.getExpirationTime();
  if (expires instanceof Date && expires <= now) {
    throw verifyError(
      `${what} cannot be trusted: it expired at ${day(expires)}`,
      'ask the publisher for a new signature',
    );
  }
}

/** Bound to its primary key in both directions, meant for signing, not revoked and strong enough. */
async function checkMaySign({ packet, what }: Case, key: Key, part: Key | Subkey): Promise<void> {
  try {
    const allowed = await key.getSigningKey(packet.issuerKeyID, null);
    if (allowed.getFingerprint() === part.getFingerprint()) return;
  } catch (cause) {
    const reason = reasonOf(cause);
    throw verifyError(
      `${what} cannot be trusted: key ${part.getFingerprint()} may not sign: ${reason}`,
      undefined,
      cause,
    );
  }
  throw verifyError(`${what} cannot be trusted: key ${part.getFingerprint()} may not sign`);
}

async function checkNotExpired({ packet, what }: Case, key: Key, part: Key | Subkey): Promise<void> {
  const ends = [await key.getExpirationTime(), part === key ? null : await (part as Subkey).getExpirationTime(anyTime)];
  const ended = ends.find((end) => end instanceof Date && end <= (packet.created as Date));
  if (ended === undefined) return;
  throw verifyError(
    `${what} cannot be trusted: key ${part.getFingerprint()} had expired at ${day(ended as Date)}, before it signed`,
    'if the key was extended since, trust it again; otherwise ask the publisher for a new signature',
  );
}
