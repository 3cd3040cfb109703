/**
 * Extracted trees: `trees/<id>/rootfs` and beside it a marker, which says how the tree looked when it was complete. The marker
 * `complete` says besides that all of the tree is on disk. As long as that is not known the marker is called by the boot of the
 * machine (unsettledMarkerOf): after another boot nobody knows what of the tree had reached the disk, and it counts as missing.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { summarizeTree, summarizeTreeLater } from '../../native/unpack.ts';
import { errnoOf } from '../base/errors.ts';
import type { TreeSummary } from './tree-writer.ts';

export const rootfsOf = (treeDir: string): string => `${treeDir}/rootfs`;
export const markerOf = (treeDir: string): string => `${treeDir}/${settledMarker}`;

/** Name of the marker of a tree that is on disk. */
export const settledMarker = 'complete';

let unsettled: string | undefined;

/** Name of the marker of a tree that was made since the machine was booted, and need not be on disk yet. */
export function unsettledMarker(): string {
  unsettled ??= `complete-${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}`;
  return unsettled;
}

/** Path of that marker. */
export const unsettledMarkerOf = (treeDir: string): string => `${treeDir}/${unsettledMarker()}`;

/** Whether a tree is there: `unsettled` until it is known to be on disk. */
export type TreeState = 'settled' | 'unsettled' | 'missing';

/** One look for a tree that is settled. */
export function treeState(treeDir: string): TreeState {
  if (existsSync(markerOf(treeDir))) return 'settled';
  if (existsSync(unsettledMarkerOf(treeDir))) return 'unsettled';
  // It may have been settled between the two looks.
  return existsSync(markerOf(treeDir)) ? 'settled' : 'missing';
}

/** The text of the marker of a tree, whichever it has; undefined where the tree is missing. */
export function markerText(treeDir: string): string | undefined {
  for (const path of [markerOf, unsettledMarkerOf, markerOf]) {
    try {
      return readFileSync(path(treeDir), 'utf8');
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
  return undefined;
}

export function encodeMarker(summary: TreeSummary): string {
  return `${JSON.stringify({ version: 1, ...summary })}\n`;
}

/** Marks a new tree as complete, though nothing of it need be on disk. */
export function writeUnsettled(treeDir: string, summary: TreeSummary): void {
  writeFileSync(unsettledMarkerOf(treeDir), encodeMarker(summary), { flag: 'wx', mode: 0o600 });
}

/** What a finished tree should look like; undefined where there is none. */
export function readMarker(treeDir: string): TreeSummary | undefined {
  const text = markerText(treeDir);
  if (text === undefined) return undefined;
  try {
    const { version, ...summary } = JSON.parse(text);
    const isSummary = version === 1 && Number.isInteger(summary.entries) && Number.isInteger(summary.bytes);
    return isSummary ? (summary as TreeSummary) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
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

type Counts = Pick<TreeSummary, 'entries' | 'bytes'>;

const isAlike = (expected: Counts, found: Counts): boolean =>
  found.entries === expected.entries && found.bytes === expected.bytes;

function notThere(error: unknown): false {
  if (errnoOf(error) === 'ENOENT') return false;
  throw error;
}

/** Whether a tree has the files and bytes that it had when it was complete. */
export function isIntact(treeDir: string): boolean {
  const expected = readMarker(treeDir);
  if (expected === undefined) return false;
  try {
    return isAlike(expected, summarizeTree(rootfsOf(treeDir)));
  } catch (error) {
    return notThere(error);
  }
}

/** The same, while other work goes on. */
export async function isIntactLater(treeDir: string): Promise<boolean> {
  const expected = readMarker(treeDir);
  if (expected === undefined) return false;
  return await summarizeTreeLater(rootfsOf(treeDir)).then((found) => isAlike(expected, found), notThere);
}
