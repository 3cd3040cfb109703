/** `rkt trust`: keys are shown, the user decides, keys are stored. */

import type { Key } from 'openpgp';
import { keyError } from './errors.ts';
import type { KeyStore } from './key-store.ts';
import { factsOf, type KeyFacts, parseKeys } from './keys.ts';
import { groupedFingerprint, quoted } from './text.ts';

export interface TrustRequest {
  readonly keystore: KeyStore;
  /** Undefined: for every image. */
  readonly prefix: string | undefined;
  /** Files and URLs; each may hold several keys, which are decided on one by one. */
  readonly locations: readonly string[];
  readonly read: (location: string) => Promise<Uint8Array>;
  /** Whether the key at a location is trusted without a question. */
  readonly withoutReview: (location: string) => boolean;
  /** Asks, and gives what was answered without the end of line; undefined where nobody answers. */
  readonly ask: (question: string) => string | undefined;
  /** A line of the review. */
  readonly show: (line: string) => void;
  /** A line that says what was done. */
  readonly report: (line: string) => void;
  readonly now?: Date;
}

export const question = 'Are you sure you want to trust this key (yes/no)? ';

/**
 * Returns how many keys the user did not want. Errors: EKEY where a location holds no usable public key, and nobody could be
 * asked; keys before that stay trusted.
 */
export async function trustKeys(request: TrustRequest): Promise<number> {
  let refused = 0;
  for (const location of request.locations) {
    const keys = await parseKeys(await request.read(location), `key ${quoted(location)}`);
    for (const key of keys) refused += (await trustKey(request, location, key)) ? 0 : 1;
  }
  return refused;
}

async function trustKey(request: TrustRequest, location: string, key: Key): Promise<boolean> {
  const { keystore, prefix, report } = request;
  const facts = await factsOf(key);
  review(request, location, facts);
  refuseUseless(location, facts);
  if (!request.withoutReview(location) && !agreed(request)) {
    report(`Not trusting ${quoted(location)}.`);
    return false;
  }
  report(`Trusting ${quoted(location)} for prefix ${quoted(prefix ?? '')}.`);
  const path = await keystore.add(prefix, key);
  report(
    prefix === undefined
      ? `Added root key at ${quoted(path)}`
      : `Added key for prefix ${quoted(prefix)} at ${quoted(path)}`,
  );
  return true;
}

function review({ prefix, show, now = new Date() }: TrustRequest, location: string, facts: KeyFacts): void {
  show(`Prefix: ${quoted(prefix ?? '')}`);
  show(`Key: ${quoted(location)}`);
  show(`GPG key fingerprint is: ${groupedFingerprint(facts.fingerprint)}`);
  for (const identity of facts.identities) show(`  ${identity}`);
  const day = facts.expires?.toISOString().slice(0, 10);
  if (facts.expires !== undefined && facts.expires <= now) {
    show(`  expired on ${day}: only signatures made before are accepted`);
  }
}

/** A key that could not verify anything would only give a false sense of being set up. */
function refuseUseless(location: string, { fingerprint, revoked, unusable }: KeyFacts): void {
  const what = `key ${quoted(location)}: ${fingerprint}`;
  if (revoked) throw keyError(`${what} was revoked by its owner`, 'ask the publisher for the new key');
  if (unusable !== undefined) throw keyError(`${what} cannot verify images: ${unusable}`);
}

/** Only "yes" is agreement. */
function agreed({ ask }: TrustRequest): boolean {
  const answer = ask(question);
  if (answer === undefined) {
    throw keyError(
      'the key was not trusted: there is no terminal, and nothing on standard input, to answer the question',
      'compare the fingerprint by other means, then use --skip-fingerprint-review',
    );
  }
  return answer.trim() === 'yes';
}
