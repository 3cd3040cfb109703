/** Content digests as registries write them: `sha256:` or `sha512:` and hex (OCI image-spec, descriptor.md, Digests). */

import { createHash, type Hash } from 'node:crypto';

/** `sha256:<64 hex>` or `sha512:<128 hex>`, lower case. Checked: it can stand in a URL or file name as it is. */
export type Digest = string;

const pattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/**
 * The reason why `text` is no digest that rkt takes, or undefined. Only the two algorithms that the specification registers
 * are known, and nothing but hex may follow: a digest becomes part of URLs and names (CVE-2024-3727).
 */
export function checkDigest(text: string): string | undefined {
  if (pattern.test(text)) return undefined;
  const algorithm = /^([a-z0-9+._-]{1,32}):/i.exec(text)?.[1];
  if (algorithm === undefined) return 'must be an algorithm, ":" and hex digits';
  if (algorithm !== 'sha256' && algorithm !== 'sha512') {
    return `must use sha256 or sha512, not ${JSON.stringify(algorithm)}`;
  }
  return `must have ${algorithm === 'sha256' ? 64 : 128} lower-case hex digits after "${algorithm}:"`;
}

/** Of a checked digest. */
export const algorithmOf = (digest: Digest): 'sha256' | 'sha512' =>
  digest.startsWith('sha256:') ? 'sha256' : 'sha512';

/** A hash that computes digests of the same kind as `digest`. */
export function hashFor(digest: Digest): Hash {
  return createHash(algorithmOf(digest));
}

/** The digest of `content`, of the same kind as `digest`. */
export function digestLike(digest: Digest, content: Uint8Array): Digest {
  return `${algorithmOf(digest)}:${hashFor(digest).update(content).digest('hex')}`;
}

export function sha256Of(content: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
