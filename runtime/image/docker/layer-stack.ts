/** From the layers of an image to the trees that are stacked for it: what layers leave to those below them is put in. */

import { mkdirSync } from 'node:fs';
import { getXattr } from '../../../native/fs.ts';
import { errnoOf } from '../../base/errors.ts';
import { commitLayer } from '../layers.ts';
import type { Layer } from '../render/merged-view.ts';
import { storeLayer } from '../render/render-stack.ts';
import type { ImageStore } from '../store.ts';
import { rootfsOf, writeUnsettled } from '../tree-check.ts';
import type { TreeSummary } from '../tree-writer.ts';
import { type DirectorySources, impliedDirectories, makeImpliedDirectories } from './implied-directories.ts';
import { opaqueAttribute } from './layer-tree.ts';
import { layerError, type StackedLayer, type UnpackedTree } from './layers.ts';
import { makeLooseLinks } from './loose-links.ts';
import { directoriesTreeIdOf, isUsable, linkedTreeIdOf } from './tree-ids.ts';

export interface StackOptions {
  readonly store: ImageStore;
  readonly image: string;
  /** A directory for unfinished trees. */
  readonly staging: string;
}

interface Tree {
  readonly id: string;
  /** Where it is now. */
  readonly treeDir: string;
}

class Stack {
  readonly #options: StackOptions;
  /** Trees that can be seen, topmost first. */
  #trees: string[] = [];
  #layers: Layer[] = [];
  /** Trees that are not in the store yet, by their directories. */
  readonly #made = new Map<string, Tree>();

  constructor(options: StackOptions) {
    this.#options = options;
  }

  add({ chainId, fetched }: StackedLayer): void {
    const { id, treeDir } = 'id' in fetched ? this.#stored(fetched.id) : this.#link(fetched, chainId);
    const layer = storeLayer(rootfsOf(treeDir));
    // Where the root of a layer hides everything below it, the rest is left out: overlayfs does not look at that mark there.
    if (hidesAll(layer)) {
      this.#trees = [];
      this.#layers = [];
    }
    const sources = impliedDirectories(layer, this.#layers);
    this.#push(id, layer);
    if (sources.size === 0) return;
    const directories = this.#directories(directoriesTreeIdOf(chainId), sources);
    this.#push(directories.id, storeLayer(rootfsOf(directories.treeDir)));
  }

  /** Puts what was made into the store. Returns all trees, topmost first. */
  finish(): string[] {
    const { store } = this.#options;
    for (const { treeDir, id } of this.#made.values()) commitLayer(store, treeDir, id);
    // The same tree again further down could not show anything that the upper one does not hide.
    return [...new Set(this.#trees)];
  }

  #push(id: string, layer: Layer): void {
    this.#trees.unshift(id);
    this.#layers.unshift(layer);
  }

  #stored(id: string): Tree {
    return { id, treeDir: this.#options.store.treeDir(id) };
  }

  /** A layer may be in an image twice: its links are made once. */
  #link({ digest, treeDir, looseLinks, size: _, ...summary }: UnpackedTree, chainId: string): Tree {
    const known = this.#made.get(treeDir);
    if (known !== undefined) return known;
    try {
      const linked = makeLooseLinks(rootfsOf(treeDir), looseLinks, this.#layers, summary);
      return this.#finished({ treeDir, id: linkedTreeIdOf(chainId) }, linked);
    } catch (error) {
      throw layerError(this.#options.image, digest, error);
    }
  }

  #directories(id: string, sources: DirectorySources): Tree {
    const { store, staging } = this.#options;
    if (isUsable(store, id)) return this.#stored(id);
    const treeDir = `${staging}/${id}`;
    mkdirSync(treeDir, { mode: 0o700 });
    return this.#finished({ treeDir, id }, makeImpliedDirectories(rootfsOf(treeDir), sources));
  }

  #finished(tree: Tree, summary: TreeSummary): Tree {
    writeUnsettled(tree.treeDir, summary);
    this.#made.set(tree.treeDir, tree);
    return tree;
  }
}

function hidesAll({ root }: Layer): boolean {
  try {
    return getXattr(root, opaqueAttribute).toString('latin1') === 'y';
  } catch (error) {
    if (['ENODATA', 'ENOTSUP'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}

/**
 * The ids of the trees of an image, topmost first; all are in the store. `layers` are its layers, the lowest first. Errors: EIMAGE
 * for links to what is nowhere, system errors of the store.
 */
export function stackLayers(layers: readonly StackedLayer[], options: StackOptions): string[] {
  const stack = new Stack(options);
  for (const layer of layers) stack.add(layer);
  return stack.finish();
}
