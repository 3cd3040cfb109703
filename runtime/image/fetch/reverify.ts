/** Images that nobody could judge when they were fetched: a key may be trusted by now. */

import { RktError } from '../../base/errors.ts';
import { replaceDurable } from '../durable.ts';
import { encodeInfo, type ImageInfo, type Signer } from '../image-info.ts';
import { withLock } from '../staging.ts';
import type { ImageStore } from '../store.ts';
import { announceSigners, judgeSignature } from './judge.ts';
import type { FetchSession } from './session.ts';

/** Writes down that the stored image is verified now. */
async function record(store: ImageStore, info: ImageInfo, signers: Signer[]): Promise<ImageInfo> {
  const verified: ImageInfo = { ...info, verification: { state: 'verified', signers } };
  const staging = await store.stage();
  try {
    withLock(`${store.paths.root}/lock`, () => {
      // Whoever removed the image meanwhile wins.
      if (store.get(info.id) === undefined) return;
      replaceDurable(`${store.paths.info}/${info.id}`, `${staging.path}/info`, encodeInfo(verified));
    });
  } finally {
    staging.remove();
  }
  return verified;
}

/**
 * Verifies the stored bytes of an image again, and remembers if that succeeds. Returns the image as it is then, with what
 * would help where it is still unverified. Errors: EVERIFY where the signature is wrong, EDAMAGED where a part is missing.
 */
export async function reverify(
  session: FetchSession,
  info: ImageInfo,
): Promise<{ info: ImageInfo; hint: string | undefined }> {
  if (info.verification.state !== 'unverified') return { info, hint: undefined };
  const { blob, signature, name, id } = info;
  if (blob === undefined || signature === undefined) {
    throw new RktError(`image ${id}: its archive or its signature is missing from the store`, {
      code: 'EDAMAGED',
      hint: 'fetch the image again',
    });
  }
  const { verification, hint } = await judgeSignature(session, { blob, signature, name });
  if (verification.state !== 'verified') return { info, hint };
  announceSigners(session, verification.signers);
  return { info: await record(session.store, info, verification.signers), hint: undefined };
}

/**
 * For whoever is about to execute or render an image: verified, or switched off by the user, now or when it was fetched.
 * Errors: EVERIFY.
 */
export async function requireVerified(session: FetchSession, info: ImageInfo): Promise<ImageInfo> {
  if (info.verification.state !== 'unverified' || session.skipVerify) return info;
  const { info: now, hint } = await reverify(session, info);
  if (now.verification.state === 'verified') return now;
  throw new RktError(`image ${info.name} (${info.id.slice(0, 39)}) is not verified: no key that signed it is trusted`, {
    code: 'EVERIFY',
    hint: hint ?? 'if you trust its signer, see "rkt help trust"',
  });
}
