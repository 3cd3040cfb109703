/**
 * The stage1 that comes with rkt: static executables, laid out like an image that was unpacked. What its manifest says is known
 * here as well, so that a start need not read it; deploy/build.ts writes the manifest from this.
 */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { appcVersion, version } from '../base/version.ts';

/** What stage1 does for rkt (rkt's stage1 implementor's guide). */
export const entrypointKinds = ['run', 'enter', 'gc', 'stop'] as const;
export type EntrypointKind = (typeof entrypointKinds)[number];

export type Stage1 = Readonly<Record<EntrypointKind, string>>;

/** The annotation of a stage1 image that names an entrypoint. */
export const entrypointAnnotation = (kind: EntrypointKind): string => `coreos.com/rkt/stage1/${kind}`;

/** The annotation that says which arguments the entrypoints understand. */
export const interfaceVersionAnnotation = 'coreos.com/rkt/stage1/interface-version';

/**
 * The annotation of a stage1 that carries out a launch plan (docs/launch-plan.md), and does all the rest itself; its value is the
 * magic of the plans that it understands. The built-in one has it.
 */
export const launchPlanAnnotation = 'rkt.io/stage1/launch-plan';
export const launchPlanFormat = 'RKTPLAN1';

/** Name of the built-in stage1 as an image. */
export const builtinName = 'rkt.io/stage1-native';

/** The newest version of the interface that rkt and its own stage1 speak. */
export const newestInterface = 6;

/** Beside the bundle in an installed tree; where node-gyp put the executables in a checkout. */
const installedRoot = (): string => join(import.meta.dirname, 'stage1', 'rootfs');
const checkoutDir = (): string => join(dirname(dirname(import.meta.dirname)), 'native', 'build', 'Release');

/** Paths of the built-in entrypoints. */
export function builtinStage1(): Stage1 {
  const rootfs = installedRoot();
  const path: (kind: EntrypointKind) => string = existsSync(rootfs)
    ? (kind) => join(rootfs, kind)
    : (kind) => join(checkoutDir(), `stage1-${kind}`);
  return { run: path('run'), enter: path('enter'), gc: path('gc'), stop: path('stop') };
}

/** The program that executes the entrypoints of stage1 images (native/src/stage1/main-keeper.c). */
export function keeperProgram(): string {
  const installed = join(import.meta.dirname, 'keeper');
  return existsSync(installed) ? installed : join(checkoutDir(), 'stage1-keeper');
}

/** The image manifest of the built-in stage1. */
export const builtinManifest = (): object => ({
  acKind: 'ImageManifest',
  acVersion: appcVersion,
  name: builtinName,
  labels: [
    { name: 'version', value: version },
    { name: 'os', value: 'linux' },
    { name: 'arch', value: process.arch === 'x64' ? 'amd64' : 'aarch64' },
  ],
  annotations: [
    ...entrypointKinds.map((kind) => ({ name: entrypointAnnotation(kind), value: `/${kind}` })),
    { name: interfaceVersionAnnotation, value: String(newestInterface) },
    { name: launchPlanAnnotation, value: launchPlanFormat },
  ],
});
