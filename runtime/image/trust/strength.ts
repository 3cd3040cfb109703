/** Keys whose signatures are never accepted, whenever they were made. */

import type { Key, Subkey } from 'openpgp';
import { messageOf } from '../../base/errors.ts';

/**
 * Curves of signing keys that are verified here. Brainpool and secp256k1 are not: the library leaves them to a package that it does not
 * bring (openpgp.js 6.3, nodeVerify).
 */
const curves = new Set(['ed25519Legacy', 'nistP256', 'nistP384', 'nistP521']);

/** Why a key cannot be judged at all; undefined where it can. */
export function unsupportedReason(part: Key | Subkey): string | undefined {
  const { curve } = part.getAlgorithmInfo();
  return curve === undefined || curves.has(curve) ? undefined : `keys on curve ${curve} are not supported`;
}

const wrappings = /^(?:Could not find valid signing key packet in key [0-9a-f]+|Could not verify primary key)(?:: |$)/;

/** The library's reason for not taking a key, without the frame around it, on one line. */
export function reasonOf(error: unknown): string {
  const reason = (messageOf(error).split('\n')[0] as string).replace(wrappings, '').replace(/\.$/, '');
  return reason === '' ? 'no part of it is meant for signing' : reason;
}
