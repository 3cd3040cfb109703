/** The last step of an import: the parts lie under temporary names; the record comes last and makes the image exist. */

import { existsSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { errnoOf } from '../base/errors.ts';
import { replaceDurable, syncDirectory, writeDurableFor, writeFor } from './durable.ts';
import { encodeInfo, type ImageInfo, type Verification } from './image-info.ts';
import { addName } from './name-index.ts';
import { Staging, withLock } from './staging.ts';
import type { ImageStore } from './store.ts';
import { commitLock, syncStore } from './store-dirs.ts';
import { isIntact } from './tree-check.ts';

/** Puts a finished tree in place of none or of a damaged one, which is moved into the staging directory. */
export function placeTree(store: ImageStore, treeDir: string, id: string, staging: Staging): void {
  const target = store.treeDir(id);
  if (isIntact(target)) return;
  if (statSync(target, { throwIfNoEntry: false }) !== undefined) renameSync(target, `${staging.path}/old-tree`);
  renameSync(treeDir, target);
}

/** Puts a finished tree in place by itself. It is on disk, or marked as not yet settled; that it has its name need not be on disk. */
export function commitTree(store: ImageStore, treeDir: string, id: string, staging: Staging): void {
  withLock(commitLock(store.paths), () => placeTree(store, treeDir, id, staging));
}

/** What a commit moves into the store; every path is on the store's file system. */
export interface Parts {
  readonly tree?: string;
  readonly blob?: string;
  readonly signature?: string;
}

/** Records an image with its parts. Everything of the parts may still be in memory only. */
export function commitImage(store: ImageStore, staging: Staging, info: ImageInfo, parts: Parts): void {
  const { paths } = store;
  writeDurableFor(`${paths.info}/${info.id}`, `${staging.path}/info`, encodeInfo(info));
  if (parts.tree !== undefined || parts.blob !== undefined || parts.signature !== undefined) syncStore(staging.path);
  withLock(commitLock(paths), () => {
    const before = store.readable(info.id);
    if (parts.blob !== undefined && info.blob !== undefined) renameSync(parts.blob, info.blob);
    if (parts.signature !== undefined && info.signature !== undefined) renameSync(parts.signature, info.signature);
    if (parts.tree !== undefined) placeTree(store, parts.tree, info.id, staging);
    addName(paths.names, info.name, info.id);
    for (const directory of [paths.blobs, paths.signatures, paths.trees]) syncDirectory(directory);
    renameSync(`${staging.path}/info`, `${paths.info}/${info.id}`);
    syncDirectory(paths.info);
    if (before?.blobDigest !== undefined && before.blobDigest !== info.blobDigest) removeUnusedBlob(store, before);
  });
}

/**
 * Records an image that is made of layers in the store. Nothing waits for the disk: a layer that does not get there counts as missing
 * (tree-check.ts), and a new record whose content does not is damaged. Only a record that is there already must not get lost.
 */
export function recordLayers(store: ImageStore, staging: Staging, info: ImageInfo): void {
  const { paths } = store;
  const target = `${paths.info}/${info.id}`;
  const staged = `${staging.path}/info`;
  withLock(commitLock(paths), () => {
    addName(paths.names, info.name, info.id);
    if (existsSync(target)) {
      replaceDurable(target, staged, encodeInfo(info));
      return;
    }
    writeFor(target, staged, encodeInfo(info));
    renameSync(staged, target);
  });
}

/** The same tar compressed in another way replaces the blob that was there. */
function removeUnusedBlob(store: ImageStore, before: ImageInfo): void {
  if (store.list().some((image) => image.blobDigest === before.blobDigest)) return;
  for (const path of [before.blob, before.signature]) {
    try {
      if (path !== undefined) unlinkSync(path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
}

/** What is known of an image that is imported again: a signature that was good does not get worse by not being checked. */
function strongest(before: Verification, now: Verification): Verification {
  return before.state === 'verified' && now.state === 'disabled' ? before : now;
}

/**
 * Notes that a known image was imported again: it is the newest of its name now. `signature` is the path of a signature on
 * the store's file system, which is moved.
 */
export function renewImage(
  store: ImageStore,
  known: ImageInfo,
  verification: Verification,
  signature?: { readonly from: string; readonly to: string },
): ImageInfo {
  const staging = Staging.create(store.paths.tmp);
  try {
    return withLock(commitLock(store.paths), () => {
      const before = store.readable(known.id) ?? known;
      const info: ImageInfo = {
        ...before,
        importTime: new Date().toISOString(),
        verification: strongest(before.verification, verification),
        signature: signature?.to ?? before.signature,
      };
      if (signature !== undefined) {
        renameSync(signature.from, signature.to);
        syncDirectory(store.paths.signatures);
      }
      replaceDurable(`${store.paths.info}/${info.id}`, `${staging.path}/info`, encodeInfo(info));
      return info;
    });
  } finally {
    staging.remove();
  }
}
