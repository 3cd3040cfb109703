/**
 * Extracted trees: `trees/<id>/rootfs` and beside it `complete`, which says how the tree looked when it was complete. Both
 * were on disk before the directory got its name, so a tree is there whole or not at all.
 */

import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { summarizeTree } from '../../native/unpack.ts';
import { errnoOf } from '../base/errors.ts';
import type { TreeSummary } from './tree-writer.ts';

export const rootfsOf = (treeDir: string): string => `${treeDir}/rootfs`;
export const markerOf = (treeDir: string): string => `${treeDir}/complete`;

export function encodeMarker(summary: TreeSummary): string {
  return `${JSON.stringify({ version: 1, ...summary })}\n`;
}

/** What a finished tree should look like; undefined where there is none. */
export function readMarker(treeDir: string): TreeSummary | undefined {
  try {
    const { version, ...summary } = JSON.parse(readFileSync(markerOf(treeDir), 'utf8'));
    const isSummary = version === 1 && Number.isInteger(summary.entries) && Number.isInteger(summary.bytes);
    return isSummary ? (summary as TreeSummary) : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * The tree that the attributes of a stack's root come from: the topmost whose archive says what they are, else the lowest.
 * `roots` are the root filesystems of trees of the store.
 */
export function rootAttributeSource(roots: readonly string[]): string {
  const says = (root: string): boolean => readMarker(dirname(root))?.implied?.includes('') !== true;
  return (roots.length > 1 ? roots.find(says) : undefined) ?? (roots.at(-1) as string);
}

/** Whether a tree has the files and bytes that it had when it was complete. */
export function isIntact(treeDir: string): boolean {
  const expected = readMarker(treeDir);
  if (expected === undefined) return false;
  try {
    const found = summarizeTree(rootfsOf(treeDir));
    return found.entries === expected.entries && found.bytes === expected.bytes;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
