import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { checkImageId, imageIdPrefix, isFullImageId } from '../appc/image-id.ts';
import { type ImageReference, parseImageReference } from '../appc/image-reference.ts';
import { labelValue } from '../appc/labels.ts';
import { errnoOf, RktError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type ImagePaths, imagePaths } from '../base/paths.ts';
import { decodeInfo, type ImageInfo, type Verification } from './image-info.ts';
import { addName, idsOfName } from './name-index.ts';
import { isIntact, markerOf, rootfsOf } from './tree-check.ts';

export interface ImportOptions {
  /** Signatures are not checked: the user disabled it. */
  verification: Verification['state'];
  log: Log;
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
    return decodeInfo(id, text, this.paths.blobs);
  }

  /**
   * The image that `ref` names: a full id, the beginning of one, or `NAME[:VERSION][,LABEL=VALUE]...`. Where several images
   * match a name, the one imported last is meant. Throws ENOIMAGE, EAMBIGUOUS or EARGUMENT.
   */
  resolve(ref: string): ImageInfo {
    return ref.startsWith(imageIdPrefix) ? this.#resolveId(ref) : this.#resolveName(ref, parseImageReference(ref));
  }

  /** All images, newest import first. Records that cannot be read are left out. */
  list(): ImageInfo[] {
    const images = this.#ids().flatMap((id) => this.#readable(id) ?? []);
    return images.toSorted(newestFirst);
  }

  /** Imports a local ACI, or finds that it is there already. Throws EIMAGE, EMANIFEST or ESTORE; leaves no trace then. */
  async importFile(path: string, options: ImportOptions): Promise<ImageInfo> {
    const { importFile } = await import('./import.ts');
    return importFile(this, path, options);
  }

  /** True where the image's root filesystem is extracted. */
  hasTree(info: ImageInfo): boolean {
    return existsSync(markerOf(this.treeDir(info.id)));
  }

  /** Path of the extracted root filesystem, which is complete. Throws EDAMAGED where it is missing: {@link ensureTree}. */
  tree(info: ImageInfo): string {
    if (this.hasTree(info)) return rootfsOf(this.treeDir(info.id));
    throw new RktError(`image ${info.id}: its root filesystem is missing from the store`, {
      code: 'EDAMAGED',
      hint: 'fetch the image again',
    });
  }

  /** Path of the root filesystem; extracts it from the stored archive where it is missing. Throws EDAMAGED or ESTORE. */
  async ensureTree(info: ImageInfo, log: Log): Promise<string> {
    if (!this.hasTree(info)) {
      const { restoreTree } = await import('./import.ts');
      await restoreTree(this, info, log);
    }
    return this.tree(info);
  }

  /**
   * What an unclean stop may have done to an image, found without reading its content: sizes and counts are compared with
   * those at import. Costs one lstat(2) per file of the tree.
   */
  verify(info: ImageInfo): Damage[] {
    const damage: Damage[] = [];
    const status = statSync(info.blob, { throwIfNoEntry: false });
    if (status === undefined) damage.push('blob missing');
    else if (status.size !== info.blobSize) damage.push('blob truncated');
    if (!this.hasTree(info)) damage.push('tree missing');
    else if (!isIntact(this.treeDir(info.id))) damage.push('tree damaged');
    return damage;
  }

  /** Directory of one image's tree and its marker. */
  treeDir(id: string): string {
    return `${this.paths.trees}/${id}`;
  }

  #ids(): string[] {
    try {
      return readdirSync(this.paths.info).filter(isFullImageId);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
  }

  #readable(id: string): ImageInfo | undefined {
    try {
      return this.get(id);
    } catch {
      return undefined;
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
    const indexed = idsOfName(this.paths.names, reference.name).flatMap((id) => this.#readable(id) ?? []);
    const found = newestMatch(indexed, reference);
    return found ?? this.#searchAll(reference) ?? unknownImage(ref);
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
    hint: 'fetch it first, or give the path of its .aci file',
  });
}
