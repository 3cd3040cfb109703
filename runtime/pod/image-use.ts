/** Which images pods are made of. */

import { readFileSync } from 'node:fs';
import { parsePodManifest } from '../appc/pod-manifest.ts';
import { errnoOf } from '../base/errors.ts';
import { podFiles } from '../base/paths.ts';
import { appNames, listPods, manifestText } from './pods.ts';

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Ids of the images and of the store's trees that some pod needs, in whatever state it is: an exited pod can still be entered
 * and looked at until it is collected. Throws EMANIFEST where a pod's manifest is damaged, for then nobody knows.
 */
export function imageUse(dataDir: string): { images: Set<string>; trees: Set<string> } {
  const images = new Set<string>();
  const trees = new Set<string>();
  for (const pod of listPods(dataDir)) {
    for (const app of appNames(pod.dir)) {
      for (const tree of linesOf(podFiles.appTrees(pod.dir, app))) trees.add(tree);
    }
    const text = manifestText(pod);
    if (text === undefined) continue;
    for (const { image } of parsePodManifest(text).apps) images.add(image.id);
  }
  return { images, trees };
}
