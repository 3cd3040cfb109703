/** What would let a key judge an image that no trusted key could. */

import type { KeyEntry } from './key-file.ts';
import { quoted } from './text.ts';

/** One line about the keys `missing` (fingerprints or key ids), from everything that the key store holds. */
export function trustHint(name: string, missing: readonly string[], entries: readonly KeyEntry[]): string {
  const known = new Set([...missing, ...entries.filter((entry) => isOneOf(entry, missing)).map(fingerprintOf)]);
  const near = entries.filter(({ fingerprint }) => known.has(fingerprint));
  const command = `rkt trust --prefix ${quoted(name)}`;
  const off = near.find((entry) => entry.state !== 'key');
  if (off?.state === 'mask') return `its key is disabled by ${off.path}; if you trust it all the same: ${command} KEY`;
  if (off?.state === 'refused') return `its key in ${off.path} is not used: ${off.reason}`;
  const elsewhere = near[0];
  if (elsewhere === undefined) return `if you trust its signer: ${command}`;
  const other = `its key is trusted for prefix ${quoted(elsewhere.prefix ?? '')} only`;
  return `${other}; if it may sign this image as well: ${command} ${elsewhere.path}`;
}

const fingerprintOf = ({ fingerprint }: KeyEntry): string => fingerprint;

/** Is it one of `ids`, or does one of them name a subkey of it? */
function isOneOf(entry: KeyEntry, ids: readonly string[]): boolean {
  const parts = entry.state === 'key' ? entry.key.getKeys().map((part) => part.getFingerprint()) : [entry.fingerprint];
  return parts.some((fingerprint) => ids.some((id) => fingerprint.endsWith(id)));
}
