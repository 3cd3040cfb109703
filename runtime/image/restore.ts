/** Putting back trees that are missing from the store, from what the store still has. */

import { mkdirSync } from 'node:fs';
import { isRktError, RktError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { commitTree } from './commit.ts';
import { writeDurable } from './durable.ts';
import { ArchiveError, storeError } from './errors.ts';
import type { ImageInfo } from './image-info.ts';
import { openArchive, readArchive } from './read-archive.ts';
import { renderStack } from './render/render-stack.ts';
import { renderedId } from './stack.ts';
import { Staging } from './staging.ts';
import type { ImageStore } from './store.ts';
import { allowedBytes, prepare, syncStore } from './store-dirs.ts';
import { encodeMarker, markerOf, rootfsOf } from './tree-check.ts';

function damagedBlob(info: ImageInfo, cause: unknown): RktError {
  return new RktError(`image ${info.id}: its stored archive is damaged or missing`, {
    code: 'EDAMAGED',
    hint: 'fetch the image again',
    cause,
  });
}

/** Makes a tree in a staging directory, brings it to disk and puts it in place. */
async function makeTree(
  store: ImageStore,
  id: string,
  make: (treeDir: string, staging: Staging) => void | Promise<void>,
): Promise<void> {
  const staging = Staging.create(store.paths.tmp);
  try {
    const treeDir = `${staging.path}/tree`;
    mkdirSync(treeDir, { mode: 0o700 });
    await make(treeDir, staging);
    syncStore(staging.path);
    commitTree(store, treeDir, id, staging);
  } finally {
    staging.remove();
  }
}

/** Extracts an image's stored archive, whose hashes are checked on the way. */
async function unpackBlob(store: ImageStore, info: ImageInfo, treeDir: string, log: Log): Promise<void> {
  let opened: Awaited<ReturnType<typeof openArchive>>;
  try {
    opened = await openArchive(info.blob as string);
  } catch (error) {
    throw damagedBlob(info, error);
  }
  try {
    const options = { rootfs: rootfsOf(treeDir), maxBytes: allowedBytes(store.paths.tmp), warn: log.warn };
    const content = await readArchive(opened.handle, options);
    if (content.id !== info.id || content.blobDigest !== info.blobDigest)
      throw new ArchiveError('its content has changed');
    if (content.tree !== undefined) writeDurable(markerOf(treeDir), encodeMarker(content.tree));
  } catch (error) {
    throw error instanceof ArchiveError ? damagedBlob(info, error) : error;
  } finally {
    await opened.handle.close();
  }
}

/** Puts the image's own tree back. Layers are not kept in compressed form, so those have to be fetched again. */
async function restoreImage(store: ImageStore, info: ImageInfo, log: Log): Promise<void> {
  if (info.layers.every((tree) => store.hasLayer(tree))) return;
  if (info.blob === undefined) {
    throw new RktError(`image ${info.id}: a layer of it is missing from the store`, {
      code: 'EDAMAGED',
      hint: 'fetch the image again',
    });
  }
  log.info(`extracting image ${info.name}`);
  await makeTree(store, info.id, (treeDir) => unpackBlob(store, info, treeDir, log));
}

function explained(info: ImageInfo, store: ImageStore, error: unknown): unknown {
  return isRktError(error) ? error : storeError(`cannot extract image ${info.id}: writing`, store.paths.root, error);
}

/** Puts back the image's own tree. Throws EDAMAGED or ESTORE. */
export async function restoreOwn(store: ImageStore, info: ImageInfo, log: Log): Promise<void> {
  try {
    prepare(store);
    await store.exclusively(`tree ${info.id}`, () => restoreImage(store, info, log));
  } catch (error) {
    throw explained(info, store, error);
  }
}

/** Puts back whatever the root filesystem of `info` needs. Throws EDAMAGED, EDEPENDENCY or ESTORE. */
export async function restoreTrees(store: ImageStore, info: ImageInfo, log: Log): Promise<void> {
  try {
    prepare(store);
    for (const image of store.imagesOf(info)) await restoreOwn(store, image, log);
    const stack = store.stackOf(info);
    const rendered = renderedId(stack);
    if (rendered === undefined) return;
    await store.exclusively(`tree ${rendered}`, async () => {
      if (store.hasLayer(rendered)) return;
      log.debug(`rendering image ${info.name}`);
      await makeTree(store, rendered, (treeDir) => {
        const summary = renderStack(stack, (tree) => rootfsOf(store.treeDir(tree)), rootfsOf(treeDir));
        writeDurable(markerOf(treeDir), encodeMarker(summary));
      });
    });
  } catch (error) {
    throw explained(info, store, error);
  }
}
