/** Which images pods are made of. */

import { parsePodManifest } from '../appc/pod-manifest.ts';
import { readLines } from '../base/files.ts';
import { podFiles } from '../base/paths.ts';
import { appNames, listPods, manifestText } from './pods.ts';

/**
 * Ids of the images and of the store's trees that some pod needs, in whatever state it is: an exited pod can still be entered
 * and looked at until it is collected. Throws EMANIFEST where a pod's manifest is damaged, for then nobody knows.
 */
export function imageUse(dataDir: string): { images: Set<string>; trees: Set<string> } {
  const images = new Set<string>();
  const trees = new Set<string>();
  for (const pod of listPods(dataDir)) {
    for (const app of appNames(pod.dir)) {
      for (const tree of readLines(podFiles.appTrees(pod.dir, app))) trees.add(tree);
    }
    for (const tree of readLines(podFiles.stage1Trees(pod.dir))) trees.add(tree);
    for (const image of readLines(podFiles.stage1Image(pod.dir))) images.add(image);
    const text = manifestText(pod);
    if (text === undefined) continue;
    for (const { image } of parsePodManifest(text).apps) images.add(image.id);
  }
  return { images, trees };
}
