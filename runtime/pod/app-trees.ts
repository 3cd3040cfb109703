import { writeFileSync } from 'node:fs';
import { readLines } from '../base/files.ts';
import { podFiles } from '../base/paths.ts';
import { isRenderedId, isTreeId } from '../image/tree-id.ts';
import { damaged } from './damaged.ts';

/** Writes down which trees of the store an app's root filesystem is made of, topmost first. */
export function writeAppTrees(dir: string, app: string, trees: readonly string[]): void {
  writeFileSync(podFiles.appTrees(dir, app), `${trees.join('\n')}\n`);
}

/** Reads that. Errors: EDAMAGED. */
export function appTrees(dir: string, app: string): string[] {
  const file = podFiles.appTrees(dir, app);
  const trees = readLines(file);
  if (trees.length > 0 && trees.every((tree) => isTreeId(tree) || isRenderedId(tree))) return trees;
  throw damaged(file, 'it names no trees');
}
