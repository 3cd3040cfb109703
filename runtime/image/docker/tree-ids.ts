/** Under which id the tree of a layer lies in the store. */

import { createHash } from 'node:crypto';
import { imageIdPrefix } from '../../appc/image-id.ts';
import type { ImageStore } from '../store.ts';
import { isIntact, isIntactLater, markerText } from '../tree-check.ts';
import { layerTreeId } from '../tree-id.ts';
import { type Digest, sha256Of } from './digest.ts';

/** The id for a layer in its usual place. */
export function treeIdOf(diffId: Digest): string {
  const id = layerTreeId(diffId);
  // A checked digest has one of the two forms that tree ids have.
  if (id === undefined) throw new TypeError(`${diffId} is no digest`);
  return id;
}

/**
 * The id for a layer that is the lowest of an image although it has whiteouts, which are left out there. The same layer above
 * others needs them, so the two are different trees.
 */
export function lowestTreeIdOf(diffId: Digest): string {
  return imageIdPrefix + createHash('sha512').update(`lowest layer ${diffId}`).digest('hex');
}

/**
 * The id of a layer and those below it together (OCI image-spec, config.md, Layer ChainID). `diffIds` are those of all of them, the
 * lowest first.
 */
export function chainIdOf(diffIds: readonly Digest[]): string {
  return diffIds.reduce((chain, diffId) => sha256Of(Buffer.from(`${chain} ${diffId}`)));
}

/** The id for a layer with hard links to what is below it. */
export function linkedTreeIdOf(chainId: string): string {
  return imageIdPrefix + createHash('sha512').update(`linked layer ${chainId}`).digest('hex');
}

/** The id for the tree that gives directories the attributes that they have below a layer (implied-directories.ts). */
export function directoriesTreeIdOf(chainId: string): string {
  return imageIdPrefix + createHash('sha512').update(`directories of layer ${chainId}`).digest('hex');
}

/** How many whiteouts a stored layer had in its archive, from the marker of its tree. */
function whiteoutsOf(store: ImageStore, treeId: string): number {
  try {
    const { whiteouts } = JSON.parse(markerText(store.treeDir(treeId)) ?? '{}') as { whiteouts?: unknown };
    return typeof whiteouts === 'number' ? whiteouts : Number.NaN;
  } catch (error) {
    if (error instanceof SyntaxError) return Number.NaN;
    throw error;
  }
}

/** Whether the store has a tree, whole. */
export const isUsable = (store: ImageStore, id: string): boolean => store.hasLayer(id) && isIntact(store.treeDir(id));

/** A layer of an image. */
export interface LayerPlace {
  readonly diffId: Digest;
  readonly lowest: boolean;
  /** Of the layer and those below it. */
  readonly chainId: string;
}

/** Trees in the store that the layer can be taken from if they are whole. */
export function storedTreeIds(store: ImageStore, { diffId, lowest, chainId }: LayerPlace): string[] {
  const id = treeIdOf(diffId);
  const own = lowest && whiteoutsOf(store, id) !== 0 ? [] : [id];
  const other = lowest ? lowestTreeIdOf(diffId) : linkedTreeIdOf(chainId);
  return [...own, other].filter((tree) => store.hasLayer(tree));
}

/** The first of them that is whole; undefined where there is none. */
export async function storedTreeId(store: ImageStore, place: LayerPlace): Promise<string | undefined> {
  for (const id of storedTreeIds(store, place)) {
    if (await isIntactLater(store.treeDir(id))) return id;
  }
  return undefined;
}
