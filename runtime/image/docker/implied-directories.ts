/**
 * Directories that a layer does not mention but has files in. What they look like is for the layers below to say; overlayfs
 * however shows a directory as the topmost layer has it. So above such a layer comes a tree of nothing but those directories,
 * with the attributes that the layers below give them. The layer itself stays as it is, shared by all images that have it.
 */

import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import * as fs from '../../../native/fs.ts';
import { copyAttributes } from '../render/copy-tree.ts';
import { attributeSource, findPath, hidesBelow, type Layer, prefixesOf, sourceOf } from '../render/merged-view.ts';
import type { TreeSummary } from '../tree-writer.ts';

/** Where the attributes of directories come from, by their paths (byte strings): parents stand before what is in them. */
export type DirectorySources = ReadonlyMap<string, Buffer>;

/** The source of one directory that `layer` does not mention; undefined where the layers below do not show it either. */
function sourceBelow(layer: Layer, below: readonly Layer[], path: Buffer): Buffer | undefined {
  if (hidesBelow(layer, path)) return undefined;
  const found = findPath(below, path);
  return found?.layers === undefined ? undefined : attributeSource(found.layers, path);
}

/**
 * What the tree above `layer` has to have: the directories that it does not mention and the layers below (topmost first) know,
 * and those above them as they are.
 */
export function impliedDirectories(layer: Layer, below: readonly Layer[]): DirectorySources {
  const sources = new Map<string, Buffer>();
  for (const name of [...(layer.implied ?? [])].toSorted()) {
    const path = Buffer.from(name, 'latin1');
    const source = path.length === 0 ? undefined : sourceBelow(layer, below, path);
    if (source === undefined) continue;
    for (const parent of prefixesOf(path)) {
      const key = parent.toString('latin1');
      if (!sources.has(key)) sources.set(key, sourceOf(layer, parent));
    }
    sources.set(name, source);
  }
  return sources;
}

/** Makes the tree's root filesystem, a new directory. Returns its summary. */
export function makeImpliedDirectories(rootfs: string, sources: DirectorySources): TreeSummary {
  mkdirSync(rootfs, { mode: 0o700 });
  const root = openSync(rootfs, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const path of sources.keys()) fs.makeDirectory(root, Buffer.from(path, 'latin1'), 0o700);
    for (const [path, source] of sources) copyAttributes(source, root, Buffer.from(path, 'latin1'));
    fs.setAttributes(root, null, { uid: 0, gid: 0, mode: 0o755, mtime: { sec: 0, nsec: 0 } });
    // Of the image's root it says nothing.
    return { entries: sources.size, bytes: 0, implied: [''] };
  } finally {
    closeSync(root);
  }
}
