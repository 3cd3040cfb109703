/** Names in a layer's archive, and which of them are whiteouts (OCI image-spec, layer.md, Whiteouts). */

import { components, joined } from '../archive-path.ts';
import { ArchiveError } from '../errors.ts';
import { shownPath } from '../shown-path.ts';

/**
 * The components of a name in a layer, or of the target of a hard link, which is one: none for the root. A `/` before it says
 * nothing, as the layer is a whole root filesystem: ko, kaniko and Bazel write names that way
 * (docs/decisions/016-absolute-names-in-layers.md).
 */
export function layerComponents(name: Buffer): string[] {
  let start = 0;
  while (name[start] === 0x2f) start += 1;
  return components(name.subarray(start));
}

export type Marker =
  /** The layers below have nothing by this name any more. */
  | { readonly kind: 'whiteout'; readonly parts: readonly string[] }
  /** The layers below have nothing in this directory any more. */
  | { readonly kind: 'opaque'; readonly parts: readonly string[] }
  /** Bookkeeping of aufs, from which whiteouts come: means nothing. */
  | { readonly kind: 'ignored' };

const whiteoutPrefix = '.wh.';
const metaPrefix = '.wh..wh.';
const opaqueName = '.wh..wh..opq';

/** What an entry with this name marks; undefined for a file like any other. Throws ArchiveError for an impossible whiteout. */
export function markerOf(parts: readonly string[]): Marker | undefined {
  const at = parts.findIndex((part) => part.startsWith(whiteoutPrefix));
  if (at < 0) return undefined;
  const name = parts[at] as string;
  const last = at === parts.length - 1;
  if (last && name === opaqueName) return { kind: 'opaque', parts: parts.slice(0, -1) };
  if (name.startsWith(metaPrefix)) return { kind: 'ignored' };
  if (!last) throw new ArchiveError(`${shownPath(joined(parts))} lies below a whiteout`);
  const hidden = name.slice(whiteoutPrefix.length);
  if (hidden === '' || hidden === '.' || hidden === '..') {
    throw new ArchiveError(`${shownPath(joined(parts))} is a whiteout of nothing that can be`);
  }
  return { kind: 'whiteout', parts: [...parts.slice(0, -1), hidden] };
}
