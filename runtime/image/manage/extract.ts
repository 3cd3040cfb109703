/** Images as directories, for people. Nothing of the store is shared with them. */

import { writeFileSync } from 'node:fs';
import type { Log } from '../../base/log.ts';
import type { ImageInfo } from '../image-info.ts';
import { copyTree } from '../render/copy-tree.ts';
import type { Layer } from '../render/merged-view.ts';
import { storeLayer } from '../render/render-stack.ts';
import type { ImageStore } from '../store.ts';
import { rootfsOf } from '../tree-check.ts';
import { makeDirectory, type OutputOptions, writeOutput } from './output.ts';

export interface ExtractOptions extends OutputOptions {
  /** Only the root filesystem, without a directory `rootfs` and the manifest beside it. */
  readonly rootfsOnly: boolean;
  readonly log: Log;
}

async function write(
  info: ImageInfo,
  layers: readonly Layer[],
  output: string,
  options: ExtractOptions,
): Promise<void> {
  await writeOutput(output, options, (unfinished) => {
    if (options.rootfsOnly) {
      copyTree(layers, unfinished);
      return;
    }
    makeDirectory(unfinished);
    writeFileSync(`${unfinished}/manifest`, info.manifestText);
    copyTree(layers, `${unfinished}/rootfs`);
  });
}

/** The image's own layers, without what it depends on. All are in the store. */
export const ownLayers = (store: ImageStore, info: ImageInfo): Layer[] =>
  info.layers.map((tree) => storeLayer(rootfsOf(store.treeDir(tree))));

/** Writes what is in the image itself. Errors: EOUTPUT, EDAMAGED, EDEPENDENCY, ESTORE. */
export async function extractImage(
  store: ImageStore,
  info: ImageInfo,
  output: string,
  options: ExtractOptions,
): Promise<void> {
  await store.restore(info, options.log);
  await write(info, ownLayers(store, info), output, options);
}

/** Writes what an app would run on: with the dependencies, and what path whitelists leave of it. Errors: as above. */
export async function renderImage(
  store: ImageStore,
  info: ImageInfo,
  output: string,
  options: ExtractOptions,
): Promise<void> {
  const lowers = await store.lowerDirs(info, options.log);
  await write(
    info,
    lowers.map((lower) => storeLayer(lower)),
    output,
    options,
  );
}
