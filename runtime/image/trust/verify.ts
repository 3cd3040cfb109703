/**
 * Detached OpenPGP signatures over the exact bytes of an image (rkt's signing-and-verification-guide; RFC 9580, section 5.2).
 *
 * Importing this loads no OpenPGP code; the first call does.
 */

import type { Key, SignaturePacket } from 'openpgp';
import { readChunks } from './chunks.ts';
import { verifyError } from './errors.ts';
import { type Case, digestAgrees, judge, notTheseBytes } from './judge.ts';
import type { KeyStore } from './key-store.ts';
import { factsOf } from './keys.ts';
import { fileReason, readSmallFile } from './read-file.ts';
import { Digests, issuerOf, maxSignatureFileBytes, parseSignatures } from './signature.ts';
import { quoted } from './text.ts';
import type { Signer, Verdict } from './types.ts';

export type * from './types.ts';

/** Whose image it is said to be, and who may say so. */
export interface Trust {
  /** Name of the image: keys that are trusted for one of its prefixes count, and root keys. */
  readonly name: string;
  readonly keystore: KeyStore;
  /** Default: the present. */
  readonly now?: Date;
}

export interface VerifyOptions extends Trust {
  /** Path of the signed file, or its bytes in order. Never held in memory as a whole. */
  readonly blob: string | AsyncIterable<Uint8Array>;
  /** Path of the signature file, or its content; armored or binary. */
  readonly signature: string | Uint8Array;
}

/**
 * Checks a signature. Verified where at least one of the signatures in the file is good and made by a key that is trusted
 * for `name`.
 *
 * Errors: EVERIFY where the file holds no detached binary signature, where trusted keys say that no signature is good (made
 * over other bytes, by a key that had expired or is revoked, itself expired, too weak), and where it can be told without a
 * key that the signature is not of these bytes; EVERIFY with a cause where something cannot be read.
 */
export async function verifyDetached({ blob, signature, ...trust }: VerifyOptions): Promise<Verdict> {
  const check = await SignatureCheck.begin(signature, `image ${quoted(trust.name)}: the signature`);
  const chunks = typeof blob === 'string' ? readChunks(blob) : blob;
  try {
    for await (const chunk of chunks) check.update(chunk);
  } catch (cause) {
    throw verifyError(
      `image ${quoted(trust.name)}: verifying its signature: ${typeof blob === 'string' ? `${blob}: ` : ''}${fileReason(cause)}`,
      undefined,
      cause,
    );
  }
  return check.finish(trust);
}

/**
 * The same, fed while the bytes pass by: `begin` reads the signature, `update` hashes, `finish` judges. For a download whose
 * signature is there before it. `update` hashes synchronously.
 */
export class SignatureCheck {
  readonly #packets: readonly SignaturePacket[];
  #digests: Digests;

  private constructor(packets: readonly SignaturePacket[]) {
    this.#packets = packets;
    this.#digests = new Digests(packets);
  }

  /** `what` begins error messages. Errors: EVERIFY, as {@link verifyDetached}, for what is wrong with the signature itself. */
  static async begin(signature: string | Uint8Array, what = 'the signature'): Promise<SignatureCheck> {
    return new SignatureCheck(await parseSignatures(signatureBytes(signature, what), what));
  }

  update(chunk: Uint8Array): void {
    this.#digests.update(chunk);
  }

  /** Forgets the bytes so far, for a download that starts again. */
  restart(): void {
    this.#digests = new Digests(this.#packets);
  }

  /** Judges the bytes so far. Errors: as {@link verifyDetached}. */
  async finish({ name, keystore, now = new Date() }: Trust): Promise<Verdict> {
    const what = `image ${quoted(name)}: the signature`;
    const keys = await keystore.trustedFor(name);
    const cases = this.#packets.map((packet): Case => ({ packet, digest: this.#digests.of(packet), what, now }));
    const signers: Signer[] = [];
    const failures: unknown[] = [];
    for (const subject of cases) {
      const candidates = keys.filter((key) => key.getKeys(subject.packet.issuerKeyID).length > 0);
      for (const key of candidates) {
        try {
          await judge(subject, key);
          await addSigner(signers, key);
        } catch (error) {
          failures.push(error);
        }
      }
    }
    if (signers.length > 0) return { state: 'verified', signers };
    if (failures.length > 0) throw failures[0];
    if (!cases.some(digestAgrees)) throw notTheseBytes(what);
    const missingKeyIds = [...new Set(this.#packets.map(issuerOf))];
    return { state: 'unverified', missingKeyIds, hint: await keystore.hintFor(name, missingKeyIds) };
  }
}

function signatureBytes(signature: string | Uint8Array, what: string): Uint8Array {
  if (typeof signature !== 'string') {
    if (signature.length <= maxSignatureFileBytes) return signature;
    throw verifyError(`${what} cannot be used: it is larger than ${maxSignatureFileBytes >> 10} KiB`);
  }
  try {
    return readSmallFile(signature, maxSignatureFileBytes);
  } catch (cause) {
    throw verifyError(`${what} cannot be used: ${signature}: ${fileReason(cause)}`, undefined, cause);
  }
}

/** Several signatures by one key make one signer. */
async function addSigner(signers: Signer[], key: Key): Promise<void> {
  const { fingerprint, identities } = await factsOf(key);
  if (signers.some((signer) => signer.fingerprint === fingerprint)) return;
  signers.push({ fingerprint, identities: [...identities] });
}
