/** Taking images out of the store. */

import { readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { errnoOf, RktError } from '../../base/errors.ts';
import { syncDirectory } from '../durable.ts';
import type { ImageInfo } from '../image-info.ts';
import { encodeName } from '../name-index.ts';
import { withLock } from '../staging.ts';
import type { ImageStore } from '../store.ts';
import { commitLock, prepare, removeOrphans } from '../store-dirs.ts';

/** What must stay because pods are made of it. */
export interface Use {
  /** Ids of images. */
  readonly images: ReadonlySet<string>;
  /** Ids of trees. */
  readonly trees: ReadonlySet<string>;
}

/** Finds out what is in use; asked when nothing can be removed by others at the same time. */
export type FindUse = () => Use;

/**
 * Removes an image's record and name, which makes it unknown; its parts go with {@link removeUnused}. Throws EINUSE where a pod
 * is made of it.
 */
export function removeImage(store: ImageStore, info: ImageInfo, findUse: FindUse): void {
  const { paths } = store;
  prepare(store);
  withLock(commitLock(paths), () => {
    if (findUse().images.has(info.id)) {
      throw new RktError(`image ${info.id} (${info.name}) is in use by a pod`, {
        code: 'EINUSE',
        hint: '"rkt list" shows the pods, "rkt gc --grace-period=0s" removes those that have exited',
      });
    }
    removeFile(`${paths.info}/${info.id}`);
    syncDirectory(paths.info);
    removeName(`${paths.names}/${encodeName(info.name)}`, info.id);
  });
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

function removeName(directory: string, id: string): void {
  removeFile(`${directory}/${id}`);
  try {
    if (readdirSync(directory).length === 0) rmdirSync(directory);
  } catch (error) {
    // Somebody who does not know of the lock put a name in: fine.
    if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTEMPTY') throw error;
  }
}

/** Trees that images need beside their own: put together from others. */
function renderedTrees(store: ImageStore): Set<string> {
  const trees = new Set<string>();
  for (const image of store.list()) {
    try {
      for (const tree of store.lowerTrees(image)) trees.add(tree);
    } catch {
      // An image whose dependencies are gone cannot be rendered: it needs nothing.
    }
  }
  return trees;
}

/** Removes blobs, signatures and trees that belong to no image and no pod. Returns the ids of the trees that went. */
export function removeUnused(store: ImageStore, findUse: FindUse): string[] {
  const rendered = renderedTrees(store);
  return removeOrphans(store, () => {
    const { trees } = findUse();
    return (tree) => trees.has(tree) || rendered.has(tree);
  });
}

export interface CollectOptions {
  /** Images that were imported or used later stay. */
  readonly usedBefore: Date;
  readonly findUse: FindUse;
  /** Called with every image that went. */
  readonly onRemoved: (info: ImageInfo) => void;
}

/** An image and what it depends on, as far as that is known. */
function withDependencies(store: ImageStore, info: ImageInfo): ImageInfo[] {
  try {
    return store.imagesOf(info);
  } catch {
    return [info];
  }
}

/**
 * Removes images that were not used for long and that no pod and no image that stays is made of, then everything that belongs
 * to none. Returns the ids of the trees that went.
 */
export function collectImages(store: ImageStore, { usedBefore, findUse, onRemoved }: CollectOptions): string[] {
  prepare(store);
  const { images: used, trees } = findUse();
  const isNeeded = (info: ImageInfo): boolean =>
    used.has(info.id) ||
    info.layers.some((tree) => trees.has(tree)) ||
    (store.lastUsed(info) ?? usedBefore) > usedBefore;
  const images = store.list();
  const kept = new Set(images.filter(isNeeded).flatMap((info) => withDependencies(store, info).map(({ id }) => id)));
  for (const info of images) {
    if (kept.has(info.id)) continue;
    removeImage(store, info, findUse);
    onRemoved(info);
  }
  return removeUnused(store, findUse);
}
