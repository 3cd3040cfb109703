/** The store's directories, and what others left in them. */

import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { native } from '../../native/index.ts';
import { isFullImageId } from '../appc/image-id.ts';
import { errnoOf } from '../base/errors.ts';
import { readOptional } from '../base/files.ts';
import type { ImagePaths } from '../base/paths.ts';
import { makePrivateDir, makeSharedDir } from '../base/shared-dirs.ts';
import { type HeldLock, removeStale, Staging, tryLock, withLock } from './staging.ts';
import type { ImageStore } from './store.ts';
import { isRenderedId } from './tree-id.ts';

/** The lock of the renames of a commit. */
export const commitLock = (paths: ImagePaths): string => `${paths.root}/lock`;

/** Held (shared) by those who put layers in place before there is an image that needs them. */
const layersLock = (paths: ImagePaths): string => `${paths.root}/layers-lock`;

/** Path of the lock file of a piece of work, named by what the work is about. */
export function createLock(store: ImageStore, key: string): string {
  prepare(store);
  return `${store.paths.locks}/${createHash('sha512').update(key).digest('hex')}`;
}

/** Keeps layers without an image from being removed, until it is released. */
export function holdLayers(store: ImageStore): HeldLock {
  for (;;) {
    const lock = tryLock(layersLock(store.paths), true);
    if (lock !== undefined) return lock;
    // Somebody removes orphans right now, which takes the commit lock too: after it, try again.
    withLock(commitLock(store.paths), () => {});
  }
}

/**
 * Makes the store's directories, and removes what others left behind that died. What the store knows of its images may be read by
 * members of group rkt; only root may enter the rest: trees hold other people's setuid programs.
 */
export function prepare(store: ImageStore): void {
  const { root, blobs, info, names, trees, signatures, locks, tmp } = store.paths;
  for (const path of [info, names]) makeSharedDir(dirname(root), path);
  for (const path of [blobs, trees, signatures, locks, tmp]) makePrivateDir(path);
  if (removeStale(tmp)) removeOrphans(store, () => isRenderedId);
}

/** Looks which trees must stay, and answers for each. */
export type FindSpared = () => (tree: string) => boolean;

/**
 * Removes blobs, signatures and trees that no image refers to: somebody died between putting them in place and saying so, or
 * the image was removed. `spared` finds out which trees stay nevertheless. Returns the ids of the trees that went.
 */
export function removeOrphans(store: ImageStore, spared: FindSpared): string[] {
  return withLock(commitLock(store.paths), () => {
    const layers = tryLock(layersLock(store.paths));
    if (layers === undefined) return [];
    try {
      return sweep(store, spared);
    } finally {
      layers.release();
    }
  });
}

function sweep(store: ImageStore, spared: FindSpared): string[] {
  const { info, blobs, signatures, tmp } = store.paths;
  const ids = readdirSync(info).filter((id) => isFullImageId(id) && !removeEmpty(`${info}/${id}`));
  const images = store.list();
  // With a record that cannot be read, nobody knows which blobs and layers belong to it; its own tree has its name.
  const known = images.length === ids.length;
  const used = new Set([...ids, ...images.flatMap(({ layers }) => layers)]);
  sweepRemotes(store, new Set(ids));
  const staging = Staging.create(tmp);
  try {
    const gone = sweepTrees(store, (tree) => used.has(tree) || !(known || isFullImageId(tree)), spared, staging);
    if (!known) return gone;
    const digests = new Set(images.map(({ blobDigest }) => blobDigest));
    for (const name of readdirSync(blobs)) if (!digests.has(name)) unlinkSync(`${blobs}/${name}`);
    const signed = new Set(images.map(({ signature }) => signature));
    for (const name of readdirSync(signatures)) {
      if (!signed.has(`${signatures}/${name}`)) unlinkSync(`${signatures}/${name}`);
    }
    return gone;
  } finally {
    staging.remove();
  }
}

/** What is known of URLs that led to images which are gone: nobody needs to know that any more, and it may hold a password. */
function sweepRemotes({ paths: { remotes } }: ImageStore, ids: ReadonlySet<string>): void {
  // Others are being written.
  for (const name of namesIn(remotes).filter((file) => /^[0-9a-f]{128}$/.test(file))) {
    const id = idIn(readOptional(`${remotes}/${name}`) ?? '');
    if (id === undefined || !ids.has(id)) rmSync(`${remotes}/${name}`, { force: true });
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function idIn(text: string): string | undefined {
  try {
    const id: unknown = (JSON.parse(text) as { id?: unknown } | null)?.id;
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}

/** A record that a power cut left without content says nothing any more, of no image. */
function removeEmpty(record: string): boolean {
  if (statSync(record).size > 0) return false;
  unlinkSync(record);
  return true;
}

/** Moves trees out of the store, then looks again: a pod that began meanwhile gets its tree back. */
function sweepTrees(
  { paths: { trees } }: ImageStore,
  isUsed: (tree: string) => boolean,
  spared: FindSpared,
  staging: Staging,
): string[] {
  const mustStay = spared();
  const moved = readdirSync(trees).filter((tree) => !isUsed(tree) && !mustStay(tree));
  for (const tree of moved) renameSync(`${trees}/${tree}`, `${staging.path}/${tree}`);
  if (moved.length === 0) return moved;
  const mustComeBack = spared();
  for (const tree of moved.filter(mustComeBack)) renameSync(`${staging.path}/${tree}`, `${trees}/${tree}`);
  return moved.filter((tree) => !mustComeBack(tree));
}

/** What an image may take, downloaded or unpacked: it must not fill the disk for everybody else. */
export function allowedBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return Math.floor(bavail * bsize * 0.9);
}

/** Brings everything written so far onto the disk; the renames that follow may not overtake it. */
export function syncStore(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    native.syncfs(fd);
  } finally {
    closeSync(fd);
  }
}
