/**
 * A stage1 that is an image: put into a pod's directory when that is prepared, found there again by whatever the pod is asked to
 * do later. See docs/stage1.md.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { parseImageManifest } from '../appc/image-manifest.ts';
import { imagePaths, podFiles } from '../base/paths.ts';
import { privateTree } from '../base/shared-dirs.ts';
import type { ImageInfo } from '../image/image-info.ts';
import type { ImageStore } from '../image/store.ts';
import { rootfsOf } from '../image/tree-check.ts';
import { type EntrypointKind, entrypointKinds, keeperProgram } from '../stage1/builtin.ts';
import type { EnterTerminal, EntrypointCommand, PodStage1 } from '../stage1/pod-stage1.ts';
import { entrypointFile, readStage1Interface, type Stage1Interface, stage1Error } from '../stage1/stage1-interface.ts';
import { makeRoot, markUsed } from './prepare-root.ts';

/** How the keeper is told to execute an entrypoint (native/src/stage1/main-keeper.c). */
const keeperModes: Readonly<Record<EntrypointKind, string>> = { run: 'run', enter: 'enter', stop: 'join', gc: 'gc' };
const enterModes: Readonly<Record<EnterTerminal, string>> = {
  auto: 'enter',
  always: 'enter-tty',
  never: 'enter-no-tty',
};

/** Errors: ESTAGE1 where the image is none of a stage1, or an entrypoint that it names cannot be executed. */
export function checkStage1(image: ImageInfo, lowers: readonly string[]): Stage1Interface {
  const stage1 = readStage1Interface(image.manifest);
  for (const kind of entrypointKinds) if (stage1.entrypoints.has(kind)) entrypointFile(stage1, kind, lowers);
  return stage1;
}

/** Gives a pod in phase prepare its stage1. `copied`: without overlayfs. Errors: those of {@link checkStage1}. */
export async function prepareStage1(dir: string, image: ImageInfo, store: ImageStore, copied: boolean): Promise<void> {
  const lowers = store.lowers(image);
  const { takesPlan } = checkStage1(image, lowers);
  const root = podFiles.stage1Root(dir);
  mkdirSync(dirname(root), privateTree);
  const trees = lowers.map((lower) => basename(dirname(lower)));
  writeFileSync(podFiles.stage1Trees(dir), `${trees.join('\n')}\n`);
  writeFileSync(podFiles.stage1Image(dir), `${image.id}\n`);
  writeFileSync(podFiles.stage1Manifest(dir), image.manifestText);
  // An `rkt image gc` that was faster than the files above has taken the trees by now.
  store.lowers(image);
  if (takesPlan) return markUsed(store, image);
  const layer = { upper: podFiles.stage1Upper(dir), work: podFiles.stage1Work(dir) };
  await makeRoot(lowers, copied ? { copy: root } : layer, 0);
  mkdirSync(root, { recursive: true });
  markUsed(store, image);
}

/** The stage1 of a pod that has one of its own. */
export function customStage1(dataDir: string, dir: string): PodStage1 {
  const stage1 = readStage1Interface(parseImageManifest(readFileSync(podFiles.stage1Manifest(dir), 'utf8')));
  const trees = readFileSync(podFiles.stage1Trees(dir), 'utf8').trim().split('\n');
  const lowers = trees.map((tree) => rootfsOf(`${imagePaths(dataDir).trees}/${tree}`));
  if (stage1.takesPlan) return planStage1(stage1, lowers);
  const upper = { dir: podFiles.stage1Upper(dir), work: podFiles.stage1Work(dir) };
  const root = existsSync(upper.dir) ? { lowers, upper } : { lowers: [podFiles.stage1Root(dir)], inPlace: true };
  const byKeeper = (mode: string, kind: EntrypointKind, args: readonly string[]): EntrypointCommand => {
    const file = executableOf(stage1, kind, lowers);
    const name = `${podFiles.stage1Root(dir)}${stage1.entrypoints.get(kind)}`;
    return { program: keeperProgram(), args: [mode, file, name, ...args] };
  };
  return {
    image: stage1.shownAs,
    version: stage1.version,
    root,
    has: (kind) => stage1.entrypoints.has(kind),
    command: (kind, args) => byKeeper(keeperModes[kind], kind, args),
    enterCommand: (args, terminal) => byKeeper(enterModes[terminal], 'enter', args),
  };
}

/** One that carries out launch plans is executed as the built-in one is. */
function planStage1(stage1: Stage1Interface, lowers: readonly string[]): PodStage1 {
  const command = (kind: EntrypointKind, args: readonly string[]): EntrypointCommand => ({
    program: executableOf(stage1, kind, lowers),
    args,
  });
  return {
    image: stage1.shownAs,
    version: stage1.version,
    root: undefined,
    has: (kind) => stage1.entrypoints.has(kind),
    command,
    enterCommand: (args) => command('enter', args),
  };
}

function executableOf(stage1: Stage1Interface, kind: EntrypointKind, lowers: readonly string[]): string {
  if (lowers.every((lower) => existsSync(lower))) return entrypointFile(stage1, kind, lowers);
  throw stage1Error(stage1.shownAs, 'it has been removed from the store', 'fetch it again');
}
