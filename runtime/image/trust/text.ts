/** Keys, locations and names as people read them. What a key says of itself must not be able to steer a terminal. */

/** Longer identities are cut; a User ID has no length limit of its own. */
const maxShown = 200;

/** Control and format characters (also those that reverse the direction of text) become U+FFFD; long text is cut. */
export function printable(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu, '\ufffd');
  return clean.length <= maxShown ? clean : `${clean.slice(0, maxShown - 1)}…`;
}

/** In double quotes, as rkt prints prefixes and locations. */
export const quoted = (text: string): string => `"${printable(text).replace(/["\\]/g, '\\$&')}"`;

/** GnuPG's grouping: `8B86 DE38 890D DB72 9186  7B02 5210 BD88 8818 2190`. */
export function groupedFingerprint(fingerprint: string): string {
  const groups = fingerprint.toUpperCase().match(/.{1,4}/g) ?? [];
  const half = Math.ceil(groups.length / 2);
  return `${groups.slice(0, half).join(' ')}  ${groups.slice(half).join(' ')}`;
}

/** 40 (version 4) or 64 (version 6) lower-case hex digits: the names of key files. */
export const isFingerprint = (text: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
