/**
 * Names of the directories below `images/trees`: the image id for the tree of an archive, the digest of the uncompressed layer
 * (OCI's diff id) for a layer from a registry, and `rendered-…` for a tree that was put together from others.
 */

import { isFullImageId } from '../appc/image-id.ts';

/** Whether `text` is the id of a tree that was extracted: usable as a file name as it is. */
export function isTreeId(text: string): boolean {
  return isFullImageId(text) || /^sha256-[0-9a-f]{64}$/.test(text);
}

/** Whether `text` is the id of a tree that can be put together again from others. */
export const isRenderedId = (text: string): boolean => /^rendered-[0-9a-f]{128}$/.test(text);

/** The tree id for an OCI digest of an uncompressed layer (`sha256:…`), or undefined where it is none that is supported. */
export function layerTreeId(diffId: string): string | undefined {
  const id = diffId.replace(':', '-');
  return isTreeId(id) && diffId.includes(':') ? id : undefined;
}
