/**
 * Hard links from a layer to a file that only the layers below have. Two trees cannot share an inode, so the file is copied up
 * into the layer's tree, as overlayfs does when somebody links a file of a lower layer; the link then is one inside the tree.
 * Such a tree belongs to the layers below it and has an id of its own (tree-ids.ts).
 */

import { closeSync, constants, lstatSync, openSync } from 'node:fs';
import * as fs from '../../../native/fs.ts';
import { errnoOf } from '../../base/errors.ts';
import { ArchiveError } from '../errors.ts';
import { attributesOf, copyXattrs } from '../render/copy-tree.ts';
import { findPath, hidesBelow, type Layer, prefixesOf, sourceOf } from '../render/merged-view.ts';
import { shownPath } from '../shown-path.ts';
import type { TarEntry } from '../tar-entry.ts';
import { missingTarget, type TreeSummary } from '../tree-writer.ts';

const keyOf = (path: Buffer): string => path.toString('latin1');

const parentOf = (path: Buffer): Buffer => path.subarray(0, Math.max(path.lastIndexOf(0x2f), 0));

/** What the kernel refuses, in words about the archive. */
const faults: Readonly<Record<string, string>> = {
  EEXIST: 'stands in it twice',
  ELOOP: 'lies beyond a symbolic link',
  ENOTDIR: 'lies below something that is no directory',
};

class LinkedTree {
  readonly #root: number;
  readonly #own: Layer;
  readonly #below: readonly Layer[];
  /** Where what a path of the layers below, or a link, stands for is in this tree. */
  readonly #places = new Map<string, Buffer>();
  /** Directories that were there, as they looked before something was put into them. */
  readonly #touched = new Map<string, fs.Attributes>();
  readonly #implied = new Set<string>();
  readonly summary = { entries: 0, bytes: 0 };

  constructor(root: number, own: Layer, below: readonly Layer[]) {
    this.#root = root;
    this.#own = own;
    this.#below = below;
  }

  /** Links come in the order of the archive, so one may be to another. */
  add(link: TarEntry): void {
    try {
      const target = this.#places.get(keyOf(link.link)) ?? this.#copyUp(link);
      if (!target.equals(link.path)) this.#put(link.path, () => fs.makeHardlink(this.#root, link.path, target));
      this.#places.set(keyOf(link.path), link.path);
    } catch (error) {
      const fault = faults[errnoOf(error) ?? ''];
      throw fault === undefined ? error : new ArchiveError(`${shownPath(link.path)} ${fault}`, error);
    }
  }

  /** Sets what new files have changed. Returns directories that no archive mentions. */
  finish(): Iterable<string> {
    for (const [key, attributes] of this.#touched) {
      fs.setAttributes(this.#root, key === '' ? null : Buffer.from(key, 'latin1'), attributes);
    }
    return this.#implied;
  }

  /** Copies the file that the link means from the layers below. Returns the path of the copy. */
  #copyUp(link: TarEntry): Buffer {
    const found = findPath(this.#below, link.link);
    if (found === undefined || hidesBelow(this.#own, parentOf(link.link))) throw missingTarget(link);
    if (found.layers !== undefined) throw new ArchiveError(`${shownPath(link.path)} is a hard link to a directory`);
    // Where the layer has something by the old name, or hides it, the new name is all that is left of the file.
    const path = this.#isFree(link.link) ? link.link : link.path;
    const { source } = found;
    this.#put(path, () => fs.copyEntry(source, this.#root, path));
    copyXattrs(source, this.#root, path);
    const status = lstatSync(source);
    if (status.isFile()) this.summary.bytes += status.size;
    this.#places.set(keyOf(link.link), path);
    return path;
  }

  /** Makes something, in directories that are made where they are missing. A whiteout that is there has done its work. */
  #put(path: Buffer, make: () => void): void {
    for (const parent of prefixesOf(parentOf(path))) this.#makeParent(parent);
    this.#touch(parentOf(path));
    const status = lstatSync(sourceOf(this.#own, path), { throwIfNoEntry: false });
    if (status?.isCharacterDevice() === true && status.rdev === 0) {
      fs.removeEntry(this.#root, path);
      this.summary.entries -= 1;
    }
    make();
    this.summary.entries += 1;
  }

  #makeParent(path: Buffer): void {
    if (lstatSync(sourceOf(this.#own, path), { throwIfNoEntry: false }) !== undefined) return;
    this.#touch(parentOf(path));
    fs.makeDirectory(this.#root, path, 0o755);
    this.#touched.set(keyOf(path), impliedAttributes);
    this.#implied.add(keyOf(path));
    this.summary.entries += 1;
  }

  #touch(directory: Buffer): void {
    const key = keyOf(directory);
    if (!this.#touched.has(key)) this.#touched.set(key, attributesOf(sourceOf(this.#own, directory)));
  }

  /** Whether the layer says nothing about a path, neither by itself nor by what is above it. */
  #isFree(path: Buffer): boolean {
    for (const prefix of prefixesOf(path)) {
      const status = lstatSync(sourceOf(this.#own, prefix), { throwIfNoEntry: false });
      if (status === undefined) return true;
      if (!status.isDirectory()) return false;
    }
    return false;
  }
}

/** Of directories that an archive does not mention. */
const impliedAttributes: fs.Attributes = { uid: 0, gid: 0, mode: 0o755, mtime: { sec: 0, nsec: 0 } };

/**
 * Makes the links of a layer in its unfinished tree, whose root filesystem is `rootfs`, from the trees below (topmost first).
 * Returns how the tree looks now. Throws ArchiveError where a target is nowhere.
 */
export function makeLooseLinks<Summary extends TreeSummary>(
  rootfs: string,
  links: readonly TarEntry[],
  below: readonly Layer[],
  summary: Summary,
): Summary {
  const root = openSync(rootfs, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const tree = new LinkedTree(root, { root: Buffer.from(rootfs) }, below);
    for (const link of links) tree.add(link);
    const implied = [...(summary.implied ?? []), ...tree.finish()];
    return {
      ...summary,
      entries: summary.entries + tree.summary.entries,
      bytes: summary.bytes + tree.summary.bytes,
      ...(implied.length === 0 ? {} : { implied }),
    };
  } finally {
    closeSync(root);
  }
}
