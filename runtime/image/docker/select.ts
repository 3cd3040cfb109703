import type { IndexEntry } from './manifest.ts';
import { isImageEntry } from './manifest.ts';
import { type HostPlatform, shownPlatform, suits } from './platform.ts';

/** Platforms of an index as a person is told them. */
function offered(entries: readonly IndexEntry[]): string {
  const names = entries.flatMap(({ platform }) => (platform === undefined ? [] : [shownPlatform(platform)]));
  const unique = [...new Set(names)];
  return unique.length === 0 ? 'no platform' : unique.slice(0, 20).join(', ');
}

/**
 * The entry of an index for this host: the first of those that suit it best. Where a single image has no platform, it is
 * that one. Attestations, which builders put beside images for a platform `unknown`, are none. Throws a plain Error with the reason otherwise.
 */
export function selectEntry(entries: readonly IndexEntry[], host: HostPlatform): IndexEntry {
  const images = entries.filter((entry) => isImageEntry(entry) && entry.platform?.os !== 'unknown');
  const ranked = images.flatMap((entry) => {
    const rank = entry.platform === undefined ? undefined : suits(entry.platform, host);
    return rank === undefined ? [] : [{ entry, rank }];
  });
  const best = ranked.toSorted((a, b) => a.rank - b.rank)[0]?.entry;
  if (best !== undefined) return best;
  const [only] = images;
  if (images.length === 1 && only !== undefined && only.platform === undefined) return only;
  throw new Error(`there is no image for ${host.os}/${host.architecture}, only for ${offered(images)}`);
}
