/** `rkt trust list`: every key file, and what it is worth. */

import type { KeyEntry } from './key-file.ts';
import type { KeyStore } from './key-store.ts';
import { factsOf, type KeyFacts } from './keys.ts';

export interface ListedKey {
  /** Undefined: for every image. */
  readonly prefix: string | undefined;
  readonly fingerprint: string;
  readonly identities: readonly string[];
  /** `trusted`, `expired 2020-01-31`, `revoked`, `disabled`, or `unusable: reason`. */
  readonly state: string;
  readonly origin: 'system' | 'local';
  readonly path: string;
}

/** Root keys first, then by prefix; system before local. */
export async function listKeys(keystore: KeyStore, now = new Date()): Promise<ListedKey[]> {
  const entries = await keystore.entries();
  return Promise.all(
    entries.map(async (entry) => {
      const { prefix, fingerprint, origin, path } = entry;
      const facts = entry.state === 'key' ? await factsOf(entry.key) : undefined;
      const state = isDisabled(entry, entries) ? 'disabled' : stateOf(entry, facts, now);
      return { prefix, fingerprint, identities: facts?.identities ?? [], state, origin, path };
    }),
  );
}

/** A mask itself, or a system key that a local file of the same place takes away. */
function isDisabled(entry: KeyEntry, entries: readonly KeyEntry[]): boolean {
  if (entry.state === 'mask') return true;
  return entries.some(
    (other) =>
      other.origin === 'local' &&
      entry.origin === 'system' &&
      other.state !== 'key' &&
      other.prefix === entry.prefix &&
      other.fingerprint === entry.fingerprint,
  );
}

function stateOf(entry: KeyEntry, facts: KeyFacts | undefined, now: Date): string {
  if (facts === undefined) return entry.state === 'refused' ? `unusable: ${entry.reason}` : 'disabled';
  if (facts.revoked) return 'revoked';
  if (facts.unusable !== undefined) return `unusable: ${facts.unusable}`;
  if (facts.expires !== undefined && facts.expires <= now) return `expired ${facts.expires.toISOString().slice(0, 10)}`;
  return 'trusted';
}
