/** Copies of trees: of a pod that has no overlay, of images with a path whitelist, and for people. */

import { closeSync, constants, lstatSync, mkdirSync, openSync } from 'node:fs';
import * as fs from '../../../native/fs.ts';
import { errnoOf } from '../../base/errors.ts';
import type { TreeSummary } from '../tree-writer.ts';
import { keepsXattr } from '../xattrs.ts';
import { attributeSource, type Layer, type MergedEntry, mergedChildren } from './merged-view.ts';
import { resolveMerged } from './resolve.ts';

/** Copies the extended attributes that mean something in a pod. With `name` null to what `dirfd` refers to. */
export function copyXattrs(source: Buffer, dirfd: number, name: Buffer | null): void {
  try {
    for (const xattr of fs.listXattrs(source)) {
      if (keepsXattr(xattr)) fs.setXattr(dirfd, name, xattr, fs.getXattr(source, xattr));
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOTSUP') throw error;
  }
}

/** Owner, mode and time of a file, exactly. */
export function attributesOf(source: Buffer): fs.Attributes {
  const { uid, gid, mode, mtimeNs } = lstatSync(source, { bigint: true });
  const nsec = ((mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return {
    uid: Number(uid),
    gid: Number(gid),
    mode: Number(mode & 0o7777n),
    mtime: { sec: Number((mtimeNs - nsec) / 1_000_000_000n), nsec: Number(nsec) },
  };
}

/** Gives what `path` below `dirfd` names (null: itself) the attributes of `source`, extended ones included. */
export function copyAttributes(source: Buffer, dirfd: number, path: Buffer | null = null): void {
  fs.setAttributes(dirfd, path, attributesOf(source));
  copyXattrs(source, dirfd, path);
}

class Copy {
  readonly #root: number;
  readonly #above: number;
  /** First copy of every inode with several names. */
  readonly #linked = new Map<string, Buffer>();
  readonly summary = { entries: 0, bytes: 0 };

  /** `above` is how many bytes of a path lead to the directory that is copied. */
  constructor(root: number, above: number) {
    this.#root = root;
    this.#above = above === 0 ? 0 : above + 1;
  }

  /** Fills the directory of `dirfd`, which is `path` of the view. */
  directory(layers: readonly Layer[], path: Buffer, dirfd: number): void {
    for (const entry of mergedChildren(layers, path)) {
      this.summary.entries += 1;
      if (entry.layers === undefined) this.#file(entry, dirfd);
      else this.#subdirectory(entry, entry.layers, dirfd);
    }
    // Last, because every new file changes its directory's time.
    copyAttributes(attributeSource(layers, path), dirfd);
  }

  #subdirectory({ name, path }: MergedEntry, layers: readonly Layer[], parent: number): void {
    fs.makeDirectory(parent, name, 0o700);
    const dirfd = fs.openDirectory(parent, name);
    try {
      this.directory(layers, path, dirfd);
    } finally {
      closeSync(dirfd);
    }
  }

  #file({ name, path, source }: MergedEntry, dirfd: number): void {
    const status = lstatSync(source, { bigint: true });
    if (status.nlink > 1n) {
      const inode = `${status.dev}:${status.ino}`;
      const first = this.#linked.get(inode);
      if (first !== undefined) {
        fs.makeHardlink(this.#root, path.subarray(this.#above), first);
        return;
      }
      this.#linked.set(inode, path.subarray(this.#above));
    }
    fs.copyEntry(source, dirfd, name);
    copyXattrs(source, dirfd, name);
    if (status.isFile()) this.summary.bytes += Number(status.size);
  }
}

/**
 * Copies the view of `layers` (topmost first), or its directory `from`, into a new directory `target`, with every property that
 * images have: owners, modes, times, links, nodes, holes, extended attributes. Throws system errors; the caller removes what is
 * there then.
 */
export function copyTree(layers: readonly Layer[], target: string, from = '/'): TreeSummary {
  const start = resolveMerged(layers, from);
  mkdirSync(target, { mode: 0o700 });
  const root = openSync(target, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const copy = new Copy(root, start.path.length);
    copy.directory(start.layers ?? [], start.path, root);
    return copy.summary;
  } finally {
    closeSync(root);
  }
}
