/** Detached signature files: what is in them, and the digests that their signatures are about. */

import { createHash, type Hash } from 'node:crypto';
import type { SignaturePacket } from 'openpgp';
import { messageOf } from '../../base/errors.ts';
import { verifyError } from './errors.ts';
import { contentsOf, type Kind } from './packets.ts';

/** A signature is a few hundred bytes; there may be several, with notations. */
export const maxSignatureFileBytes = 256 << 10;

/** Each may need a hash of its own over the whole image. */
const maxSignatures = 8;

const howToSign = 'detached signatures are made by: gpg --armor --detach-sign FILE';

const notDetached: Readonly<Record<Exclude<Kind, 'signature'>, string>> = {
  'public key': 'it is a public key',
  'secret key': 'it is a secret key',
  'clearsigned text': 'it is a clearsigned text, no detached signature',
  message: 'it is a message with the signed data inside, no detached signature',
  nothing: 'it is empty',
  unknown: 'it is no OpenPGP signature',
};

/** Names for node:crypto by RFC 9580, section 9.5. Others are refused: MD5 (1), SHA-1 (2) and RIPEMD-160 (3) can be forged. */
const hashNames: Readonly<Record<number, string>> = {
  8: 'sha256',
  9: 'sha384',
  10: 'sha512',
  11: 'sha224',
  12: 'sha3-256',
  14: 'sha3-512',
};
const weakHashes: Readonly<Record<number, string>> = { 1: 'MD5', 2: 'SHA-1', 3: 'RIPEMD-160' };

/** RFC 9580, section 5.2.1: a signature of a binary document, over its exact bytes. */
export const binarySignature = 0x00;

/**
 * The signatures in a file that can be judged. `what` begins errors. Errors: EVERIFY where the file holds anything else than
 * signatures, or none that is made over exact bytes by an algorithm that is strong and known.
 */
export async function parseSignatures(bytes: Uint8Array, what: string): Promise<SignaturePacket[]> {
  const { kind, blocks } = contentsOf(bytes);
  if (kind !== 'signature') throw verifyError(`${what} cannot be used: ${notDetached[kind]}`, howToSign);
  const packets = await readPackets(bytes, blocks, what);
  if (packets.length > maxSignatures) {
    throw verifyError(
      `${what} cannot be used: the file holds ${packets.length} signatures, ${maxSignatures} are allowed`,
    );
  }
  const reasons = packets.map(reasonAgainst);
  const usable = packets.filter((_, index) => reasons[index] === undefined);
  if (usable.length > 0) return usable;
  throw verifyError(`${what} cannot be used: ${reasons[0] ?? 'its version or algorithm is not supported'}`, howToSign);
}

async function readPackets(
  bytes: Uint8Array,
  blocks: readonly string[] | undefined,
  what: string,
): Promise<SignaturePacket[]> {
  const { readSignature, SignaturePacket } = await import('./openpgp.ts');
  try {
    const files =
      blocks === undefined
        ? [await readSignature({ binarySignature: bytes })]
        : await Promise.all(blocks.map((block) => readSignature({ armoredSignature: block })));
    // Signatures of unknown versions and algorithms come as packets of another class.
    return files.flatMap(({ packets }) => packets.filter((packet) => packet instanceof SignaturePacket));
  } catch (cause) {
    throw verifyError(`${what} cannot be used: it is damaged: ${messageOf(cause)}`, undefined, cause);
  }
}

function reasonAgainst(packet: SignaturePacket): string | undefined {
  if (packet.signatureType !== binarySignature) return 'it was not made over exact bytes (in text mode, or of a key)';
  const hash = packet.hashAlgorithm ?? 0;
  const weak = weakHashes[hash];
  if (weak !== undefined) return `its hash algorithm ${weak} can be forged`;
  if (hashNames[hash] === undefined) return `its hash algorithm ${hash} is not supported`;
  if (/^0*$/.test(packet.issuerKeyID.toHex())) return 'it does not say which key made it';
  return undefined;
}

/** The key that a signature says made it: fingerprint, or key id in old signatures; lower-case hex. */
export function issuerOf(packet: SignaturePacket): string {
  const fingerprint = packet.issuerFingerprint;
  return fingerprint === null ? packet.issuerKeyID.toHex() : Buffer.from(fingerprint).toString('hex');
}

/** Hashes bytes once for all signatures of a file: one hash state per algorithm, and per salt (version 6). */
export class Digests {
  readonly #states = new Map<string, Hash>();

  constructor(packets: readonly SignaturePacket[]) {
    for (const packet of packets) {
      const state = createHash(hashNames[packet.hashAlgorithm ?? 0] as string);
      this.#states.set(stateKey(packet), state.update(saltOf(packet)));
    }
  }

  update(chunk: Uint8Array): void {
    for (const state of this.#states.values()) state.update(chunk);
  }

  /** What the signature signs (RFC 9580, section 5.2.4): salt, bytes, the hashed part of the signature, and its length. */
  of(packet: SignaturePacket): Uint8Array {
    const hashed = packet.signatureData as Uint8Array;
    const trailer = Buffer.alloc(6);
    trailer.writeUInt8(packet.version, 0);
    trailer.writeUInt8(0xff, 1);
    trailer.writeUInt32BE(hashed.length, 2);
    const state = this.#states.get(stateKey(packet)) as Hash;
    return state.copy().update(hashed).update(trailer).digest();
  }
}

/** Of version 6 signatures; the library's types leave the member out. */
const saltOf = (packet: SignaturePacket): Uint8Array =>
  (packet as { salt?: Uint8Array | null }).salt ?? new Uint8Array(0);

const stateKey = (packet: SignaturePacket): string =>
  `${packet.hashAlgorithm} ${Buffer.from(saltOf(packet)).toString('hex')}`;
