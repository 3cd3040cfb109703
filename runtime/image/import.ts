/** Bringing images into the store. Loaded by the store when it is needed: `rkt run` of a stored image never comes here. */

import { copyFileSync, mkdirSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { parseImageManifest } from '../appc/image-manifest.ts';
import { isRktError, RktError } from '../base/errors.ts';
import { commitImage, renewImage } from './commit.ts';
import { writeDurable } from './durable.ts';
import { ArchiveError, storeError } from './errors.ts';
import { type Expected, mismatch } from './expected.ts';
import { type ImageInfo, signaturePath, type Verification } from './image-info.ts';
import { type ArchiveContent, digestOf, openArchive, readArchive } from './read-archive.ts';
import { Staging } from './staging.ts';
import type { DownloadedBlob, ImageStore, ImportOptions } from './store.ts';
import { allowedBytes, prepare } from './store-dirs.ts';
import { encodeMarker, markerOf, rootfsOf } from './tree-check.ts';

export { restoreOwn, restoreTrees } from './restore.ts';
export { createLock, prepare } from './store-dirs.ts';

/** An archive that is to be imported. */
interface Source {
  readonly handle: FileHandle;
  /** What errors call it. */
  readonly shownAs: string;
  /** Where it lies in the store's staging area, to be moved; undefined: it is copied while it is read. */
  readonly blob: string | undefined;
  readonly verification: Verification;
  /** Path of a signature anywhere; it is copied. */
  readonly signature: string | undefined;
  readonly expected: Expected | undefined;
  readonly warn: (message: string) => void;
}

const asVerification = (given: Verification | 'disabled'): Verification =>
  given === 'disabled' ? { state: 'disabled' } : given;

function infoOf(store: ImageStore, content: ArchiveContent, source: Source): ImageInfo {
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
    verification: source.verification,
    signature: source.signature === undefined ? undefined : signaturePath(store.paths, content.blobDigest),
    layers: [content.id],
  };
}

/** The manifest must be of the image that was asked for: a signature says who made it, not what it is. */
function checkExpected({ name, labels }: ImageInfo, expected: Expected | undefined): void {
  const reason = expected === undefined ? undefined : mismatch(expected, name, labels);
  if (reason !== undefined) throw new RktError(reason, { code: 'EVERIFY' });
}

/**
 * Reads the archive once, into a staging directory, and commits. What nobody could verify is not extracted: its tree is made
 * when it is to be used, which asks for the verification first.
 */
async function importNew(store: ImageStore, source: Source, digest?: string): Promise<ImageInfo> {
  const staging = Staging.create(store.paths.tmp);
  const tree = `${staging.path}/tree`;
  const copy = `${staging.path}/blob`;
  const extracting = source.verification.state !== 'unverified';
  try {
    if (extracting) mkdirSync(tree, { mode: 0o700 });
    const content = await readArchive(source.handle, {
      ...(source.blob === undefined ? { copy } : {}),
      ...(extracting ? { rootfs: rootfsOf(tree) } : {}),
      maxBytes: allowedBytes(staging.path),
      warn: source.warn,
    });
    if (digest !== undefined && content.blobDigest !== digest) throw new ArchiveError('it changed after its download');
    const info = infoOf(store, content, source);
    checkExpected(info, source.expected);
    if (content.tree !== undefined) writeDurable(markerOf(tree), encodeMarker(content.tree));
    const signature = stageSignature(source.signature, staging);
    commitImage(store, staging, info, {
      ...(extracting ? { tree } : {}),
      blob: source.blob ?? copy,
      ...(signature === undefined ? {} : { signature }),
    });
    return info;
  } finally {
    staging.remove();
  }
}

function stageSignature(signature: string | undefined, staging: Staging): string | undefined {
  if (signature === undefined) return undefined;
  const staged = `${staging.path}/signature`;
  copyFileSync(signature, staged);
  return staged;
}

/** An image that is there already, undamaged: its time, verification and signature are renewed. */
function renew(store: ImageStore, known: ImageInfo, source: Source): ImageInfo {
  checkExpected(known, source.expected);
  if (source.signature === undefined || known.blobDigest === undefined) {
    return renewImage(store, known, source.verification);
  }
  const staging = Staging.create(store.paths.tmp);
  try {
    const from = stageSignature(source.signature, staging) as string;
    return renewImage(store, known, source.verification, { from, to: signaturePath(store.paths, known.blobDigest) });
  } finally {
    staging.remove();
  }
}

/** An undamaged image whose archive has this digest. */
const intactWithDigest = (store: ImageStore, images: readonly ImageInfo[], digest: string): ImageInfo | undefined =>
  images.find((image) => image.blobDigest === digest && store.verify(image).length === 0);

/** An undamaged image whose archive is the same file, if there is one. Only files of the same size are worth reading. */
async function findSameFile(store: ImageStore, handle: FileHandle, size: number): Promise<ImageInfo | undefined> {
  const candidates = store.list().filter((image) => image.blobSize === size);
  if (candidates.length === 0) return undefined;
  return intactWithDigest(store, candidates, await digestOf(handle));
}

/** Failures, as sentences about an import. */
function explained(error: unknown, store: ImageStore, shownAs: string): RktError {
  if (error instanceof ArchiveError) {
    const cause = error.cause ?? error;
    return new RktError(`cannot import image ${shownAs}: ${error.message}`, { code: 'EIMAGE', cause });
  }
  if (isRktError(error)) {
    return new RktError(`cannot import image ${shownAs}: ${error.message}`, { code: error.code, cause: error });
  }
  return storeError(`cannot import image ${shownAs}: writing`, store.paths.root, error);
}

/** See {@link ImageStore.importFile}. */
export async function importFile(store: ImageStore, path: string, options: ImportOptions): Promise<ImageInfo> {
  const { handle, size } = await openArchive(path);
  const source: Source = {
    handle,
    shownAs: path,
    blob: undefined,
    verification: asVerification(options.verification),
    signature: options.signature,
    expected: undefined,
    warn: options.log.warn,
  };
  try {
    prepare(store);
    const { dev, ino } = await handle.stat();
    return await store.exclusively(`file ${dev}:${ino}`, async () => {
      const known = await findSameFile(store, handle, size);
      if (known === undefined) return await importNew(store, source);
      options.log.debug(`image ${path} is in the store already`);
      return renew(store, known, source);
    });
  } catch (error) {
    throw explained(error, store, path);
  } finally {
    await handle.close();
  }
}

/** See {@link ImageStore.importBlob}. */
export async function importBlob(store: ImageStore, blob: DownloadedBlob): Promise<ImageInfo> {
  const { blobPath, blobDigest, verification, signature, expected, shownAs, log } = blob;
  const { handle } = await openArchive(blobPath);
  const source: Source = { handle, shownAs, blob: blobPath, verification, signature, expected, warn: log.warn };
  try {
    prepare(store);
    return await store.exclusively(`blob ${blobDigest}`, async () => {
      const known = intactWithDigest(store, store.list(), blobDigest);
      return known === undefined ? await importNew(store, source, blobDigest) : renew(store, known, source);
    });
  } catch (error) {
    throw explained(error, store, shownAs);
  } finally {
    await handle.close();
  }
}
