/** Bringing images into the store. Loaded by the store when it is needed: `rkt run` of a stored image never comes here. */

import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statfsSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { native } from '../../native/index.ts';
import { isFullImageId } from '../appc/image-id.ts';
import { parseImageManifest } from '../appc/image-manifest.ts';
import { errnoOf, isRktError, RktError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ImagePaths } from '../base/paths.ts';
import { replaceDurable, syncDirectory, writeDurable } from './durable.ts';
import { ArchiveError, storeError } from './errors.ts';
import { encodeInfo, type ImageInfo } from './image-info.ts';
import { addName } from './name-index.ts';
import { type ArchiveContent, digestOf, openArchive, readArchive } from './read-archive.ts';
import { removeStale, Staging, withLock } from './staging.ts';
import type { ImageStore, ImportOptions } from './store.ts';
import { encodeMarker, isIntact, markerOf, rootfsOf } from './tree-check.ts';

const lockFile = (paths: ImagePaths): string => `${paths.root}/lock`;

/** Makes a directory and those above it. node's own recursive mkdir reports ENOENT for a read-only file system. */
function makeDirectories(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT') throw error;
    makeDirectories(dirname(path));
    makeDirectories(path);
  }
}

/** Makes the store's directories. Only root may enter: trees hold other people's setuid programs. */
function prepare(store: ImageStore): void {
  const { root, blobs, info, names, trees, tmp } = store.paths;
  for (const path of [root, blobs, info, names, trees, tmp]) makeDirectories(path);
  if (removeStale(tmp)) withLock(lockFile(store.paths), () => removeOrphans(store));
}

/** Removes blobs and trees that no image refers to: somebody died between putting them in place and saying so. */
function removeOrphans(store: ImageStore): void {
  const { info, blobs, trees, tmp } = store.paths;
  const ids = readdirSync(info).filter(isFullImageId);
  const images = store.list();
  const staging = Staging.create(tmp);
  try {
    for (const name of readdirSync(trees)) {
      if (!ids.includes(name)) renameSync(`${trees}/${name}`, `${staging.path}/${name}`);
    }
    // With a record that cannot be read, nobody knows which blob belongs to it.
    if (images.length !== ids.length) return;
    const used = new Set(images.map((image) => image.blobDigest));
    for (const name of readdirSync(blobs)) {
      if (!used.has(name)) unlinkSync(`${blobs}/${name}`);
    }
  } finally {
    staging.remove();
  }
}

/** What an image may unpack to: it must not fill the disk for everybody else. */
function allowedBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return Math.floor(bavail * bsize * 0.9);
}

/** Brings everything written so far onto the disk; the renames that follow may not overtake it. */
function syncStore(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    native.syncfs(fd);
  } finally {
    closeSync(fd);
  }
}

/** Puts a finished tree in place of none or of a damaged one, which is moved into the staging directory. */
function placeTree(store: ImageStore, id: string, staging: Staging): void {
  const target = store.treeDir(id);
  if (isIntact(target)) return;
  if (statSync(target, { throwIfNoEntry: false }) !== undefined) renameSync(target, `${staging.path}/old-tree`);
  renameSync(`${staging.path}/tree`, target);
}

/** The commit: everything is on disk under temporary names; the record comes last and makes the image exist. */
function commit(store: ImageStore, staging: Staging, info: ImageInfo): void {
  const { paths } = store;
  withLock(lockFile(paths), () => {
    const before = readable(store, info.id);
    renameSync(`${staging.path}/blob`, info.blob);
    placeTree(store, info.id, staging);
    addName(paths.names, info.name, info.id);
    syncDirectory(paths.blobs);
    syncDirectory(paths.trees);
    renameSync(`${staging.path}/info`, `${paths.info}/${info.id}`);
    syncDirectory(paths.info);
    if (before !== undefined && before.blobDigest !== info.blobDigest) removeUnusedBlob(store, before);
  });
}

/** The same tar compressed in another way replaces the blob that was there. */
function removeUnusedBlob(store: ImageStore, before: ImageInfo): void {
  if (store.list().some((image) => image.blobDigest === before.blobDigest)) return;
  try {
    unlinkSync(before.blob);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

function readable(store: ImageStore, id: string): ImageInfo | undefined {
  try {
    return store.get(id);
  } catch {
    return undefined;
  }
}

function infoOf(store: ImageStore, content: ArchiveContent, options: ImportOptions): ImageInfo {
  const manifest = parseImageManifest(content.manifest);
  return {
    id: content.id,
    name: manifest.name,
    labels: manifest.labels,
    manifest,
    manifestText: content.manifest.toString('utf8'),
    blob: `${store.paths.blobs}/${content.blobDigest}`,
    blobDigest: content.blobDigest,
    blobSize: content.blobSize,
    size: content.size,
    importTime: new Date().toISOString(),
    verification: { state: options.verification },
  };
}

/** Reads the archive once, into a staging directory, and commits. */
async function importNew(store: ImageStore, handle: FileHandle, options: ImportOptions): Promise<ImageInfo> {
  const staging = Staging.create(store.paths.tmp);
  try {
    mkdirSync(`${staging.path}/tree`, { mode: 0o700 });
    const content = await readArchive(handle, {
      copy: `${staging.path}/blob`,
      rootfs: rootfsOf(`${staging.path}/tree`),
      maxBytes: allowedBytes(staging.path),
      warn: options.log.warn,
    });
    const info = infoOf(store, content, options);
    writeDurable(markerOf(`${staging.path}/tree`), encodeMarker(content.tree));
    writeDurable(`${staging.path}/info`, encodeInfo(info));
    syncStore(staging.path);
    commit(store, staging, info);
    return info;
  } finally {
    staging.remove();
  }
}

/** An undamaged image whose archive is the same file, if there is one. Only files of the same size are worth reading. */
async function findKnown(store: ImageStore, handle: FileHandle, size: number): Promise<ImageInfo | undefined> {
  const candidates = store.list().filter((image) => image.blobSize === size);
  if (candidates.length === 0) return undefined;
  const digest = await digestOf(handle);
  return candidates.find((image) => image.blobDigest === digest && store.verify(image).length === 0);
}

/** Notes that a known image was imported again: it is the newest of its name now. */
function renew(store: ImageStore, known: ImageInfo, options: ImportOptions): ImageInfo {
  const info: ImageInfo = {
    ...known,
    importTime: new Date().toISOString(),
    verification: { state: options.verification },
  };
  const staging = Staging.create(store.paths.tmp);
  try {
    withLock(lockFile(store.paths), () => {
      replaceDurable(`${store.paths.info}/${info.id}`, `${staging.path}/info`, encodeInfo(info));
    });
    return info;
  } finally {
    staging.remove();
  }
}

/** See {@link ImageStore.importFile}. */
export async function importFile(store: ImageStore, path: string, options: ImportOptions): Promise<ImageInfo> {
  const { handle, size } = await openArchive(path);
  try {
    prepare(store);
    const known = await findKnown(store, handle, size);
    if (known !== undefined) {
      options.log.debug(`image ${path} is in the store already`);
      return renew(store, known, options);
    }
    return await importNew(store, handle, options);
  } catch (error) {
    if (error instanceof ArchiveError) {
      throw new RktError(`cannot import image ${path}: ${error.message}`, {
        code: 'EIMAGE',
        cause: error.cause ?? error,
      });
    }
    if (isRktError(error)) {
      throw new RktError(`cannot import image ${path}: ${error.message}`, { code: error.code, cause: error });
    }
    throw storeError(`cannot import image ${path}: writing`, store.paths.root, error);
  } finally {
    await handle.close();
  }
}

function damagedBlob(info: ImageInfo, cause: unknown): RktError {
  return new RktError(`image ${info.id}: its stored archive is damaged or missing`, {
    code: 'EDAMAGED',
    hint: 'fetch the image again',
    cause,
  });
}

async function unpackBlob(store: ImageStore, info: ImageInfo, staging: Staging, log: Log): Promise<void> {
  let opened: Awaited<ReturnType<typeof openArchive>>;
  try {
    opened = await openArchive(info.blob);
  } catch (error) {
    throw damagedBlob(info, error);
  }
  const treeDir = `${staging.path}/tree`;
  try {
    mkdirSync(treeDir, { mode: 0o700 });
    const options = { rootfs: rootfsOf(treeDir), maxBytes: allowedBytes(store.paths.tmp), warn: log.warn };
    const content = await readArchive(opened.handle, options);
    if (content.id !== info.id || content.blobDigest !== info.blobDigest)
      throw new ArchiveError('its content has changed');
    writeDurable(markerOf(treeDir), encodeMarker(content.tree));
  } catch (error) {
    throw error instanceof ArchiveError ? damagedBlob(info, error) : error;
  } finally {
    await opened.handle.close();
  }
}

/** Extracts an image's tree again from its stored archive, which is checked on the way. */
export async function restoreTree(store: ImageStore, info: ImageInfo, log: Log): Promise<void> {
  log.info(`extracting image ${info.name} again`);
  try {
    prepare(store);
    const staging = Staging.create(store.paths.tmp);
    try {
      await unpackBlob(store, info, staging, log);
      syncStore(staging.path);
      withLock(lockFile(store.paths), () => {
        placeTree(store, info.id, staging);
        syncDirectory(store.paths.trees);
      });
    } finally {
      staging.remove();
    }
  } catch (error) {
    if (isRktError(error)) throw error;
    throw storeError(`cannot extract image ${info.id}: writing`, store.paths.root, error);
  }
}
