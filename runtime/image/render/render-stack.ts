import { dirname } from 'node:path';
import type { StackEntry } from '../stack.ts';
import { readMarker } from '../tree-check.ts';
import type { TreeSummary } from '../tree-writer.ts';
import { copyTree } from './copy-tree.ts';
import type { Layer } from './merged-view.ts';
import { visiblePaths } from './whitelist.ts';

/** A tree of the store as a layer of a view; `root` is its `rootfs`. */
export function storeLayer(root: string, whitelists: readonly (readonly string[])[] = []): Layer {
  const visible = visiblePaths(root, whitelists);
  const implied = readMarker(dirname(root))?.implied;
  return {
    root: Buffer.from(root),
    ...(visible === undefined ? {} : { visible }),
    ...(implied === undefined ? {} : { implied: new Set(implied) }),
  };
}

/**
 * Renders a stack into a new directory `target` (ace.md, Filesystem Setup): what comes later in the order of override replaces
 * what is there, also a link to a directory, and path whitelists leave only what they name.
 */
export function renderStack(
  stack: readonly StackEntry[],
  rootOf: (tree: string) => string,
  target: string,
): TreeSummary {
  return copyTree(
    stack.map(({ tree, whitelists }) => storeLayer(rootOf(tree), whitelists)),
    target,
  );
}
