/** From the layers of an image to the trees that are stacked for it: what layers leave to those below them is put in. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { getXattr } from '../../../native/fs.ts';
import { errnoOf } from '../../base/errors.ts';
import { commitLayer } from '../layers.ts';
import type { Layer } from '../render/merged-view.ts';
import { storeLayer } from '../render/render-stack.ts';
import type { ImageStore } from '../store.ts';
import { syncStore } from '../store-dirs.ts';
import { encodeMarker, markerOf, rootfsOf } from '../tree-check.ts';
import { type DirectorySources, impliedDirectories, makeImpliedDirectories } from './implied-directories.ts';
import { opaqueAttribute } from './layer-tree.ts';
import { layerError, type StackedLayer } from './layers.ts';
import { makeLooseLinks } from './loose-links.ts';
import { directoriesTreeIdOf, isUsable, linkedTreeIdOf } from './tree-ids.ts';

export interface StackOptions {
  readonly store: ImageStore;
  readonly image: string;
  /** A directory for unfinished trees. */
  readonly staging: string;
}

class Stack {
  readonly #options: StackOptions;
  /** Trees that can be seen, topmost first. */
  #trees: string[] = [];
  #layers: Layer[] = [];
  /** Trees of layers with links, by their unfinished directories: a layer may be in an image twice. */
  readonly #linked = new Map<string, string>();

  constructor(options: StackOptions) {
    this.#options = options;
  }

  /** The same tree again further down could not show anything that the upper one does not hide. */
  get trees(): string[] {
    return [...new Set(this.#trees)];
  }

  add({ chainId, fetched }: StackedLayer): void {
    const id = 'id' in fetched ? fetched.id : (this.#linked.get(fetched.treeDir) ?? this.#link(fetched, chainId));
    const layer = this.#layerOf(id);
    // Where the root of a layer hides everything below it, the rest is left out: overlayfs does not look at that mark there.
    if (hidesAll(layer)) {
      this.#trees = [];
      this.#layers = [];
    }
    const sources = impliedDirectories(layer, this.#layers);
    this.#push(id, layer);
    if (sources.size === 0) return;
    const directories = directoriesTreeIdOf(chainId);
    if (!isUsable(this.#options.store, directories)) this.#makeDirectories(directories, sources);
    this.#push(directories, this.#layerOf(directories));
  }

  #push(id: string, layer: Layer): void {
    this.#trees.unshift(id);
    this.#layers.unshift(layer);
  }

  #layerOf(id: string): Layer {
    return storeLayer(rootfsOf(this.#options.store.treeDir(id)));
  }

  #link({ digest, treeDir, layer }: Exclude<StackedLayer['fetched'], { id: string }>, chainId: string): string {
    const { image } = this.#options;
    const { looseLinks, size: _, ...summary } = layer;
    const id = linkedTreeIdOf(chainId);
    try {
      this.#commit(treeDir, id, makeLooseLinks(rootfsOf(treeDir), looseLinks, this.#layers, summary));
    } catch (error) {
      throw layerError(image, digest, error);
    }
    this.#linked.set(treeDir, id);
    return id;
  }

  #makeDirectories(id: string, sources: DirectorySources): void {
    const treeDir = `${this.#options.staging}/${id}`;
    mkdirSync(treeDir, { mode: 0o700 });
    this.#commit(treeDir, id, makeImpliedDirectories(rootfsOf(treeDir), sources));
  }

  #commit(treeDir: string, id: string, summary: Parameters<typeof encodeMarker>[0]): void {
    writeFileSync(markerOf(treeDir), encodeMarker(summary), { flag: 'wx', mode: 0o600 });
    syncStore(treeDir);
    commitLayer(this.#options.store, treeDir, id);
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
  return stack.trees;
}
