/** `rkt trust rm`: finds which key is meant. */

import { keyError } from './errors.ts';
import type { KeyEntry } from './key-file.ts';
import type { KeyStore } from './key-store.ts';
import { quoted } from './text.ts';

export interface UntrustRequest {
  readonly keystore: KeyStore;
  /** Fingerprint, or the last 16 digits or more of it; grouped or not, upper or lower case. */
  readonly key: string;
  /** Where trust ends: for a prefix, for root keys, or at the one place where the key is. */
  readonly from: { readonly prefix: string } | 'root' | 'anywhere';
}

/** Ends the trust in one key at one place; one line that says what was done. Errors: EKEY. */
export async function untrustKey({ keystore, key, from }: UntrustRequest): Promise<string> {
  const wanted = key.replace(/\s+/g, '').replace(/^0x/i, '').toLowerCase();
  if (!/^[0-9a-f]{16,64}$/.test(wanted)) {
    throw keyError(`${quoted(key)} is no fingerprint of a key`, 'see "rkt trust list"; the last 16 digits are enough');
  }
  const everywhere = effective(await keystore.entries()).filter(({ fingerprint }) => fingerprint.endsWith(wanted));
  const here = everywhere.filter(({ prefix }) => {
    if (from === 'anywhere') return true;
    return from === 'root' ? prefix === undefined : prefix === from.prefix;
  });
  const [found, another] = here;
  if (found === undefined) throw notThere(wanted, everywhere);
  if (another !== undefined) {
    throw keyError(
      `key ${wanted} is trusted ${listed(here)}`,
      'say which with --prefix PREFIX or --root, and the whole fingerprint',
    );
  }
  const { path, masked } = await keystore.remove(found.prefix, found.fingerprint);
  const name = found.prefix === undefined ? 'root key' : `key for prefix ${quoted(found.prefix)}`;
  return masked ? `Disabled ${name} by ${quoted(path)}` : `Removed ${name} at ${quoted(path)}`;
}

/** One entry per place: what counts there, where it is not disabled. */
function effective(entries: readonly KeyEntry[]): KeyEntry[] {
  const places = new Map<string, KeyEntry>();
  for (const entry of entries) places.set(`${entry.prefix ?? ''} ${entry.fingerprint}`, entry);
  return [...places.values()].filter(({ state }) => state !== 'mask');
}

const listed = (entries: readonly KeyEntry[]): string =>
  entries.map(({ prefix }) => (prefix === undefined ? 'as a root key' : `for prefix ${quoted(prefix)}`)).join(' and ');

function notThere(wanted: string, elsewhere: readonly KeyEntry[]): Error {
  if (elsewhere.length === 0) return keyError(`key ${wanted} is not trusted`, 'see "rkt trust list"');
  return keyError(`key ${wanted} is not trusted there, but ${listed(elsewhere)}`);
}
