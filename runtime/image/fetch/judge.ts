/** Deciding about an image by its signature, and saying so. */

import type { Signer, Verification } from '../image-info.ts';
import type { FetchSession } from './session.ts';

export interface Subject {
  /** Path of the archive. */
  readonly blob: string;
  /** Path of the detached signature, or its content. */
  readonly signature: string | Uint8Array;
  /** Name of the image, by its manifest or as it was asked for. */
  readonly name: string;
}

/** An image that came from somewhere, and whose signature no trusted key can judge. */
export interface Judgement {
  readonly verification: Verification;
  /** Where nobody could judge: why, and what would help. */
  readonly hint: string | undefined;
}

/** Errors: EVERIFY where the signature is wrong (see verifyDetached). */
export async function judgeSignature(session: FetchSession, { blob, signature, name }: Subject): Promise<Judgement> {
  const { verifyDetached } = await import('../trust/index.ts');
  const verdict = await verifyDetached({ blob, signature, name, keystore: await session.keys() });
  if (verdict.state === 'verified') {
    return { verification: { state: 'verified', signers: verdict.signers }, hint: undefined };
  }
  return { verification: { state: 'unverified' }, hint: verdict.hint };
}

/** `rkt: signature verified:` and who signed. */
export function announceSigners(session: FetchSession, signers: readonly Signer[]): void {
  session.log.info('signature verified:');
  for (const identity of signers.flatMap(({ identities }) => identities)) {
    session.settings.progress.line(`  ${identity}`);
  }
}

/** The image was stored, but is not to be executed. */
export function announceUnverified(session: FetchSession, shownAs: string, hint: string | undefined): void {
  session.log.warn(
    `image ${shownAs} is not verified: no key that signed it is trusted; it is stored, but will not be run`,
  );
  if (hint !== undefined) session.log.info(hint);
}
