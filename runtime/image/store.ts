import { readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import type { Dependency } from '../appc/dependencies.ts';
import { checkImageId, imageIdPrefix, isFullImageId } from '../appc/image-id.ts';
import { type ImageReference, parseImageReference } from '../appc/image-reference.ts';
import { labelValue } from '../appc/labels.ts';
import { errnoOf, RktError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type ImagePaths, imagePaths } from '../base/paths.ts';
import type { Expected } from './expected.ts';
import { decodeInfo, type ImageInfo, type Verification } from './image-info.ts';
import { addName, idsOfName } from './name-index.ts';
import type { Progress } from './progress.ts';
import { settleLater } from './settle.ts';
import { imagesOf, renderedId, type StackEntry, stackOf } from './stack.ts';
import { Staging, waitForLock } from './staging.ts';
import { isIntact, rootfsOf, treeState } from './tree-check.ts';

export interface ImportOptions {
  /** What came of checking the file's signature. */
  verification: Verification | 'disabled';
  /** Path of the detached signature, which is stored with the image. */
  signature?: string;
  log: Log;
}

/** An archive that was downloaded into a staging directory of the store ({@link ImageStore.stage}). */
export interface DownloadedBlob {
  /** Path of the archive; it is moved into the store, or stays where it is if the import fails. */
  blobPath: string;
  /** `sha512-…` of the archive's bytes, found while they came in. They are hashed again while they are extracted. */
  blobDigest: string;
  verification: Verification;
  /** Path of the detached signature, in the staging directory too. */
  signature?: string;
  /** What the manifest must say, or the import fails with EVERIFY. */
  expected?: Expected;
  /** What the image is called in messages: the name or URL that the user gave. */
  shownAs: string;
  log: Log;
  progress?: Progress;
}

/** What is wrong with a stored image. */
export type Damage = 'blob missing' | 'blob truncated' | 'tree missing' | 'tree damaged';

/**
 * The images of one data directory (docs/on-disk-format.md). Files and locks, no database: any number of processes use it at
 * once, and reading never waits. Everything on the way of `rkt run` is synchronous and loads nothing that only imports need.
 */
export class ImageStore {
  readonly paths: ImagePaths;

  private constructor(paths: ImagePaths) {
    this.paths = paths;
  }

  /** Touches nothing: the directories are made by the first import. */
  static open(dataDir: string): ImageStore {
    return new ImageStore(imagePaths(dataDir));
  }

  /** The image with this full id. Throws EDAMAGED where the store's record of it cannot be read. */
  get(id: string): ImageInfo | undefined {
    if (!isFullImageId(id)) return undefined;
    let text: string;
    try {
      text = readFileSync(`${this.paths.info}/${id}`, 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
    return decodeInfo(id, text, this.paths);
  }

  /** The same, where a record that cannot be read counts as none. */
  readable(id: string): ImageInfo | undefined {
    try {
      return this.get(id);
    } catch {
      return undefined;
    }
  }

  /**
   * The image that `ref` names: a full id, the beginning of one, or `NAME[:VERSION][,LABEL=VALUE]...`. Where several images
   * match a name, the one imported last is meant. Throws ENOIMAGE, EAMBIGUOUS or EARGUMENT.
   */
  resolve(ref: string): ImageInfo {
    return ref.startsWith(imageIdPrefix) ? this.#resolveId(ref) : this.#resolveName(ref, parseImageReference(ref));
  }

  /** The newest image with this name and these labels, or undefined. */
  find(reference: ImageReference): ImageInfo | undefined {
    const indexed = idsOfName(this.paths.names, reference.name).flatMap((id) => this.readable(id) ?? []);
    return newestMatch(indexed, reference) ?? this.#searchAll(reference);
  }

  /** The stored image that a dependency means (aci.md, Dependency Matching), or undefined: it has to be fetched. */
  findDependency({ imageName, imageID, labels }: Dependency): ImageInfo | undefined {
    if (imageID === undefined) return this.find({ name: imageName, labels });
    const images = this.#ids().filter((id) => id.startsWith(imageID));
    return newestMatch(
      images.flatMap((id) => this.readable(id) ?? []),
      { name: imageName, labels },
    );
  }

  /** All images, newest import first. Records that cannot be read are left out. */
  list(): ImageInfo[] {
    const images = this.#ids().flatMap((id) => this.readable(id) ?? []);
    return images.toSorted(newestFirst);
  }

  /** Imports a local ACI, or finds that it is there already. Throws EIMAGE, EMANIFEST or ESTORE; leaves no trace then. */
  async importFile(path: string, options: ImportOptions): Promise<ImageInfo> {
    const { importFile } = await import('./import.ts');
    return importFile(this, path, options);
  }

  /**
   * Imports an archive that was downloaded, or finds that it is there already; then only time and verification are renewed.
   * Throws EIMAGE, EMANIFEST, EVERIFY (name or labels are not as expected) or ESTORE; leaves no trace in the store then.
   */
  async importBlob(blob: DownloadedBlob): Promise<ImageInfo> {
    const { importBlob } = await import('./import.ts');
    return importBlob(this, blob);
  }

  /** A directory of one's own on the store's file system, gone when the process is. The caller removes it. */
  async stage(): Promise<Staging> {
    const { prepare } = await import('./import.ts');
    prepare(this);
    return Staging.create(this.paths.tmp);
  }

  /**
   * Runs `work` while no other process runs work of the same key, so that what two want is done once: look again, inside,
   * whether it is still to be done. `onWait` is called once if somebody else is at it. Waiting does not block the event loop.
   */
  async exclusively<T>(key: string, work: () => Promise<T>, onWait?: () => void): Promise<T> {
    const { createLock } = await import('./import.ts');
    const lock = await waitForLock(createLock(this, key), onWait);
    try {
      return await work();
    } finally {
      lock.release();
    }
  }

  /** Whether the tree of this id (a layer's, an image's, a rendered one) is there, complete. Layers are added by layers.ts. */
  hasLayer(treeId: string): boolean {
    return treeState(this.treeDir(treeId)) !== 'missing';
  }

  /** The image and all that it depends on, each once. Throws EDEPENDENCY where one is missing or they go in a circle. */
  imagesOf(info: ImageInfo): ImageInfo[] {
    return imagesOf(this.stackOf(info));
  }

  /** What the image's root filesystem consists of, topmost first (ace.md, Filesystem Setup). Throws EDEPENDENCY. */
  stackOf(info: ImageInfo): StackEntry[] {
    return stackOf(info, (dependency) => this.findDependency(dependency));
  }

  /** Ids of the trees that are the image's overlay lower directories, topmost first. Throws EDEPENDENCY. */
  lowerTrees(info: ImageInfo): string[] {
    const stack = this.stackOf(info);
    const rendered = renderedId(stack);
    // The same tree again further down could not show anything that the upper one does not hide.
    return rendered === undefined ? [...new Set(stack.map(({ tree }) => tree))] : [rendered];
  }

  /** The overlay lower directories, topmost first, all complete. Throws EDAMAGED where one is missing: {@link lowerDirs}. */
  lowers(info: ImageInfo): string[] {
    return this.lowerTrees(info).map((tree) => {
      if (this.hasLayer(tree)) return rootfsOf(this.treeDir(tree));
      throw new RktError(`image ${info.id}: its root filesystem is missing from the store`, {
        code: 'EDAMAGED',
        hint: 'fetch the image again',
      });
    });
  }

  /** The overlay lower directories, topmost first; what is missing of them is extracted or rendered again. */
  async lowerDirs(info: ImageInfo, log: Log): Promise<string[]> {
    const trees = this.lowerTrees(info);
    const states = trees.map((tree) => treeState(this.treeDir(tree)));
    if (states.includes('unsettled')) settleLater(this.paths.trees, trees);
    if (states.includes('missing')) {
      const { restoreTrees } = await import('./import.ts');
      await restoreTrees(this, info, log);
    }
    return this.lowers(info);
  }

  /** Puts back what is missing of the image's own trees, without its dependencies. Throws EDAMAGED or ESTORE. */
  async restore(info: ImageInfo, log: Log): Promise<void> {
    if (info.layers.every((tree) => this.hasLayer(tree))) return;
    const { restoreOwn } = await import('./import.ts');
    await restoreOwn(this, info, log);
  }

  /** Notes that the image is used now: one utimes(2). A store that cannot be written does not mind. */
  markUsed(info: ImageInfo): void {
    // Not a Date, for which V8 would look up the time zone.
    const now = Date.now() / 1000;
    try {
      utimesSync(`${this.paths.info}/${info.id}`, now, now);
    } catch (error) {
      if (!['EROFS', 'EACCES', 'EPERM', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error;
    }
  }

  /** When the image was imported or used last; undefined where it is gone. */
  lastUsed(info: ImageInfo): Date | undefined {
    return statSync(`${this.paths.info}/${info.id}`, { throwIfNoEntry: false })?.mtime;
  }

  /**
   * What an unclean stop may have done to an image, found without reading its content: sizes and counts are compared with
   * those at import. Costs one lstat(2) per file of the tree. Dependencies are images of their own.
   */
  verify(info: ImageInfo): Damage[] {
    const damage: Damage[] = [];
    if (info.blob !== undefined) {
      const status = statSync(info.blob, { throwIfNoEntry: false });
      if (status === undefined) damage.push('blob missing');
      else if (status.size !== info.blobSize) damage.push('blob truncated');
    }
    // What was never verified was never extracted either.
    const mayBeMissing = info.verification.state === 'unverified';
    if (info.layers.some((tree) => !this.hasLayer(tree)))
      damage.push(...(mayBeMissing ? [] : ['tree missing' as const]));
    else if (info.layers.some((tree) => !isIntact(this.treeDir(tree)))) damage.push('tree damaged');
    return damage;
  }

  /** Directory of one tree and its marker. */
  treeDir(treeId: string): string {
    return `${this.paths.trees}/${treeId}`;
  }

  #ids(): string[] {
    try {
      return readdirSync(this.paths.info).filter(isFullImageId);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
  }

  #resolveId(ref: string): ImageInfo {
    const reason = checkImageId(ref);
    if (reason !== undefined)
      throw new RktError(`image ${JSON.stringify(ref)}: the id ${reason}`, { code: 'EARGUMENT' });
    const ids = isFullImageId(ref) ? [ref] : this.#ids().filter((id) => id.startsWith(ref));
    if (ids.length > 1) {
      throw new RktError(`image id ${ref} is ambiguous: ${ids.toSorted().join(', ')} begin with it`, {
        code: 'EAMBIGUOUS',
        hint: 'give more digits',
      });
    }
    const info = ids[0] === undefined ? undefined : this.get(ids[0]);
    return info ?? unknownImage(ref);
  }

  #resolveName(ref: string, reference: ImageReference): ImageInfo {
    return this.find(reference) ?? unknownImage(ref);
  }

  /** The slow way, taken before an image is called unknown: the index may have been lost. What it lacks is put back. */
  #searchAll(reference: ImageReference): ImageInfo | undefined {
    const found = newestMatch(this.list(), reference);
    if (found === undefined) return undefined;
    try {
      addName(this.paths.names, found.name, found.id);
    } catch {
      // A store that cannot be written can still be read.
    }
    return found;
  }
}

function newestFirst(a: ImageInfo, b: ImageInfo): number {
  return b.importTime.localeCompare(a.importTime) || a.id.localeCompare(b.id);
}

function newestMatch(images: readonly ImageInfo[], { name, labels }: ImageReference): ImageInfo | undefined {
  const matches = images.filter(
    (image) => image.name === name && labels.every((label) => labelValue(image.labels, label.name) === label.value),
  );
  return matches.toSorted(newestFirst)[0];
}

function unknownImage(ref: string): never {
  throw new RktError(`image ${JSON.stringify(ref)} is not in the store`, {
    code: 'ENOIMAGE',
    hint: 'see "rkt image list" for those that are; "rkt fetch" gets others',
  });
}
