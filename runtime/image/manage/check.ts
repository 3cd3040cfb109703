/** Checking stored images against their hashes, and putting right what can be. */

import { closeSync, constants, openSync, renameSync } from 'node:fs';
import { errnoOf, isRktError, RktError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { ArchiveError } from '../errors.ts';
import type { ImageInfo } from '../image-info.ts';
import { openArchive, readArchive } from '../read-archive.ts';
import { Staging, withLock } from '../staging.ts';
import type { ImageStore } from '../store.ts';
import { commitLock } from '../store-dirs.ts';
import { isIntact, rootfsOf } from '../tree-check.ts';
import type { FindUse } from './remove.ts';
import { TreeComparer } from './tree-comparer.ts';

/** What is wrong with an image; both undefined or empty: nothing. */
export interface Findings {
  /** Of the stored archive. */
  readonly archive: string | undefined;
  /** Of the extracted trees. */
  readonly tree: readonly string[];
}

function openTree(store: ImageStore, info: ImageInfo): number | undefined {
  if (!store.hasLayer(info.id)) return undefined;
  try {
    return openSync(rootfsOf(store.treeDir(info.id)), constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function readBlob(info: ImageInfo, blob: string, tree: TreeComparer | undefined): Promise<string | undefined> {
  try {
    const { handle } = await openArchive(blob);
    try {
      const content = await readArchive(handle, {
        ...(tree === undefined ? {} : { tree }),
        maxBytes: Number.MAX_SAFE_INTEGER,
        warn: () => {},
      });
      if (content.blobDigest !== info.blobDigest) return 'its bytes have changed';
      return content.id === info.id ? undefined : 'its content has changed';
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof ArchiveError || isRktError(error)) return error.message;
    throw error;
  }
}

async function checkArchive(store: ImageStore, info: ImageInfo, blob: string): Promise<Findings> {
  const fd = openTree(store, info);
  const comparer = fd === undefined ? undefined : new TreeComparer(fd);
  try {
    const archive = await readBlob(info, blob, comparer);
    const missing = comparer === undefined && info.verification.state !== 'unverified' ? ['it is missing'] : [];
    // With another archive a comparison says nothing.
    const differences = archive === undefined ? (comparer?.differences ?? missing) : missing;
    const more = differences.length === 0 && comparer !== undefined && !isIntact(store.treeDir(info.id));
    return { archive, tree: more ? ['it has other files than the archive'] : differences };
  } finally {
    comparer?.close();
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * Reads an image whole: the archive against both of its hashes, the tree against the archive, file by file. Layers from
 * registries are not kept as archives; their numbers of files and bytes are compared with those at extraction.
 */
export async function checkImage(store: ImageStore, info: ImageInfo): Promise<Findings> {
  if (info.blob !== undefined) return await checkArchive(store, info, info.blob);
  const damaged = info.layers.filter((tree) => !isIntact(store.treeDir(tree)));
  return { archive: undefined, tree: damaged.map((tree) => `layer ${tree} is damaged or missing`) };
}

/**
 * Extracts an image's tree again, whose archive is right. False where there is none, or a pod runs on the tree: then the image
 * has to be fetched again, or the pod to end. Errors: EDAMAGED, ESTORE.
 */
export async function repairTree(store: ImageStore, info: ImageInfo, findUse: FindUse, log: Log): Promise<boolean> {
  if (info.blob === undefined) return false;
  const staging = Staging.create(store.paths.tmp);
  try {
    const moved = withLock(commitLock(store.paths), () => {
      const { images, trees } = findUse();
      if (images.has(info.id) || trees.has(info.id)) return false;
      moveAway(store.treeDir(info.id), `${staging.path}/damaged`);
      return true;
    });
    if (!moved) return false;
    await store.restore(info, log);
    return true;
  } finally {
    staging.remove();
  }
}

function moveAway(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** The error for what could not be put right. */
export function damageError(info: ImageInfo, { archive, tree }: Findings): RktError {
  const repairable = archive === undefined && info.blob !== undefined;
  const what = archive === undefined ? `its root filesystem: ${tree.join('; ')}` : `its stored archive: ${archive}`;
  return new RktError(`image ${info.id} (${info.name}) is damaged: ${what}`, {
    code: 'EDAMAGED',
    hint: repairable
      ? 'a pod is made of it: remove the pod by "rkt gc" when it has ended, and verify the image again'
      : 'remove it by "rkt image rm", and fetch it again',
  });
}
