/** The directories that a root filesystem of a pod is put together from. */

import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { privateTree } from '../base/shared-dirs.ts';
import type { ImageInfo } from '../image/image-info.ts';
import type { ImageStore } from '../image/store.ts';
import { rootAttributeSource } from '../image/tree-check.ts';

/** Either a copy of the image, or the writable layer of an overlay on it. */
export type RootDirs = { readonly copy: string } | { readonly upper: string; readonly work: string };

/**
 * Makes them for an image's trees, topmost first. What lies in the writable layer has the ids of the host, from `shift` on; those of
 * a copy are shifted when it is mounted.
 */
export async function makeRoot(lowers: readonly string[], dirs: RootDirs, shift: number): Promise<void> {
  if ('copy' in dirs) await copyImage(lowers, dirs.copy);
  else makeOverlayDirs(lowers, dirs.upper, dirs.work, shift);
}

/** The root of an overlay has the attributes of its upper directory, so these are made those of the image's root. */
function makeOverlayDirs(lowers: readonly string[], upper: string, work: string, shift: number): void {
  mkdirSync(work, privateTree);
  mkdirSync(upper);
  const { mode, uid, gid } = statSync(rootAttributeSource(lowers));
  chownSync(upper, shift + uid, shift + gid);
  chmodSync(upper, mode & 0o7777);
}

async function copyImage(lowers: readonly string[], dir: string): Promise<void> {
  const { copyTree, storeLayer } = await import('../image/render/index.ts');
  mkdirSync(dirname(dir), privateTree);
  copyTree(
    lowers.map((lower) => storeLayer(lower)),
    dir,
  );
}

/** For `rkt image gc`: an image is as recent as the last pod that needed it. */
export function markUsed(store: ImageStore, image: ImageInfo): void {
  const images = image.manifest.dependencies.length === 0 ? [image] : store.imagesOf(image);
  for (const used of images) store.markUsed(used);
}
