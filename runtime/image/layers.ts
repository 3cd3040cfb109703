/** Images that come in layers. Loaded by what fetches them. */

import { createHash } from 'node:crypto';
import { imageIdPrefix } from '../appc/image-id.ts';
import { parseImageManifest } from '../appc/image-manifest.ts';
import { RktError } from '../base/errors.ts';
import { commitTree, recordLayers } from './commit.ts';
import type { ImageInfo } from './image-info.ts';
import { settleLater } from './settle.ts';
import { Staging } from './staging.ts';
import type { ImageStore } from './store.ts';
import { holdLayers, prepare } from './store-dirs.ts';

/** An image made of layers, complete but for its record in the store. */
export interface LayeredImage {
  /** The appc image manifest that the registry's image was converted to. */
  manifestText: string;
  /** Ids of the layers' trees, topmost first; all of them are in the store. */
  layers: readonly string[];
  /** Bytes of all layers, uncompressed. */
  size: number;
}

/** A directory for unfinished layers. */
export interface LayerStaging {
  readonly path: string;
  remove(): void;
}

/**
 * Makes the store's directories and a staging directory, locked by this process. While it exists, no layer in the store is
 * taken for an orphan, so layers may be put in place before the image that needs them is recorded.
 */
export function stageLayers(store: ImageStore): LayerStaging {
  prepare(store);
  const layers = holdLayers(store);
  const staging = Staging.create(store.paths.tmp);
  return {
    path: staging.path,
    remove: () => {
      try {
        staging.remove();
      } finally {
        layers.release();
      }
    },
  };
}

/** Puts a finished tree directory in place, marked as not yet settled, unless the tree is there already, undamaged. */
export function commitLayer(store: ImageStore, treeDir: string, id: string): void {
  const staging = Staging.create(store.paths.tmp);
  try {
    commitTree(store, treeDir, id, staging);
  } finally {
    staging.remove();
  }
}

/** The id of an image without an archive of its own: the sha512 of what it is made of. */
export const layeredImageId = ({ manifestText, layers }: LayeredImage): string =>
  imageIdPrefix +
  createHash('sha512')
    .update(JSON.stringify({ manifest: manifestText, layers }))
    .digest('hex');

/**
 * Records an image whose layers are all there, or renews its record, and has the layers brought to disk, which goes on after this.
 * Throws EMANIFEST, EDAMAGED or ESTORE.
 */
export function addLayeredImage(store: ImageStore, image: LayeredImage): ImageInfo {
  const id = layeredImageId(image);
  if (!image.layers.every((tree) => store.hasLayer(tree))) {
    throw new RktError(`image ${id}: a layer of it is missing from the store`, { code: 'EDAMAGED' });
  }
  const manifest = parseImageManifest(image.manifestText);
  const info: ImageInfo = {
    id,
    name: manifest.name,
    labels: manifest.labels,
    manifest,
    manifestText: image.manifestText,
    blob: undefined,
    blobDigest: undefined,
    blobSize: 0,
    size: image.size,
    importTime: new Date().toISOString(),
    verification: { state: 'disabled' },
    signature: undefined,
    layers: image.layers,
  };
  const staging = Staging.create(store.paths.tmp);
  try {
    recordLayers(store, staging, info);
  } finally {
    staging.remove();
  }
  settleLater(store.paths.trees, info.layers);
  return info;
}
