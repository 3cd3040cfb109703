/**
 * Bringing trees to disk when the work on them is over: syncfs(2) waits for everything that the machine writes, which may take
 * longer than the rest of a fetch (docs/decisions/012-layers-settle-later.md).
 */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { RktError } from '../base/errors.ts';
import { settledMarker, treeState, unsettledMarker } from './tree-check.ts';

/** What this process has handed over already. */
const handedOver = new Set<string>();

/** native/src/settle/main.c: beside the bundle in an installed tree, in a checkout where node-gyp put it. */
function settleProgram(): string {
  const installed = join(import.meta.dirname, 'settle');
  const root = dirname(dirname(import.meta.dirname));
  return existsSync(installed) ? installed : join(root, 'native', 'build', 'Release', 'rkt-settle');
}

const unsettledOf = (treesDir: string, trees: readonly string[]): string[] =>
  trees.filter((tree) => treeState(`${treesDir}/${tree}`) === 'unsettled');

const argumentsFor = (treesDir: string, trees: readonly string[]): string[] => [
  treesDir,
  unsettledMarker(),
  settledMarker,
  ...trees,
];

// Loaded only where there is something to settle: this is on the way of every start of a pod (see base/random.ts).
const childProcess = (): typeof import('node:child_process') => process.getBuiltinModule('node:child_process');

/**
 * Has those of the trees that need it brought to disk and marked as settled by a process of its own, and does not wait. Where
 * that process does not come to its end, the trees stay as they are, and whoever uses them next tries again.
 */
export function settleLater(treesDir: string, trees: readonly string[]): void {
  const left = unsettledOf(treesDir, trees).filter((tree) => !handedOver.has(`${treesDir}/${tree}`));
  if (left.length === 0) return;
  for (const tree of left) handedOver.add(`${treesDir}/${tree}`);
  const child = childProcess().spawn(settleProgram(), argumentsFor(treesDir, left), {
    detached: true,
    stdio: 'ignore',
  });
  child.on('error', () => {});
  child.unref();
}

/** The same, and waits. Throws ESTORE where the trees cannot be brought to disk. */
export function settleNow(treesDir: string, trees: readonly string[]): void {
  const left = unsettledOf(treesDir, trees);
  if (left.length === 0) return;
  const { status, error } = childProcess().spawnSync(settleProgram(), argumentsFor(treesDir, left), {
    stdio: 'ignore',
  });
  if (status === 0) return;
  const options = { code: 'ESTORE', ...(error === undefined ? {} : { cause: error }) };
  throw new RktError(`cannot bring layers in ${treesDir} to disk`, options);
}
