import { readFileSync, writeFileSync } from 'node:fs';
import { errnoOf, RktError } from '../base/errors.ts';
import { podFiles } from '../base/paths.ts';
import { isRenderedId, isTreeId } from '../image/tree-id.ts';

/** Writes down which trees of the store an app's root filesystem is made of, topmost first. */
export function writeAppTrees(dir: string, app: string, trees: readonly string[]): void {
  writeFileSync(podFiles.appTrees(dir, app), `${trees.join('\n')}\n`);
}

/** Reads that. Errors: EDAMAGED. */
export function appTrees(dir: string, app: string): string[] {
  const file = podFiles.appTrees(dir, app);
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  const trees = text.split('\n').filter((line) => line !== '');
  if (trees.length > 0 && trees.every((tree) => isTreeId(tree) || isRenderedId(tree))) return trees;
  throw new RktError(`${file} is damaged: it names no trees`, { code: 'EDAMAGED' });
}
