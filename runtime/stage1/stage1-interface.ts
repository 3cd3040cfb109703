/** What a stage1 image says of itself by the annotations of its manifest (rkt's stage1 implementor's guide). */

import { annotationValue } from '../appc/annotations.ts';
import type { ImageManifest } from '../appc/image-manifest.ts';
import { labelValue } from '../appc/labels.ts';
import { RktError } from '../base/errors.ts';
import { findExecutable, hostPathOf, type Roots } from '../image/lookup.ts';
import {
  type EntrypointKind,
  entrypointAnnotation,
  entrypointKinds,
  interfaceVersionAnnotation,
  launchPlanAnnotation,
  launchPlanFormat,
  newestInterface,
} from './builtin.ts';

export interface Stage1Interface {
  /** `name:version` of the image, for people. */
  readonly shownAs: string;
  /** Which arguments its entrypoints understand. */
  readonly version: number;
  /** Absolute paths inside the image. `run` is always there. */
  readonly entrypoints: ReadonlyMap<EntrypointKind, string>;
  /** Its `run` carries out the launch plan, as the built-in one does; it needs nothing mounted. */
  readonly takesPlan: boolean;
}

export const stage1Error = (shownAs: string, reason: string, hint?: string): RktError =>
  new RktError(
    `stage1 image ${shownAs}: ${reason}`,
    hint === undefined ? { code: 'ESTAGE1' } : { code: 'ESTAGE1', hint },
  );

/** Errors: ESTAGE1 where it cannot be the manifest of a stage1 that rkt can run. */
export function readStage1Interface(manifest: ImageManifest): Stage1Interface {
  const version = labelValue(manifest.labels, 'version');
  const shownAs = version === undefined ? manifest.name : `${manifest.name}:${version}`;
  const entrypoints = new Map<EntrypointKind, string>();
  for (const kind of entrypointKinds) {
    const path = annotationValue(manifest.annotations, entrypointAnnotation(kind));
    if (path === undefined) continue;
    requireCleanPath(shownAs, kind, path);
    entrypoints.set(kind, path);
  }
  if (!entrypoints.has('run')) {
    throw stage1Error(
      shownAs,
      `its manifest has no annotation ${entrypointAnnotation('run')}`,
      'is it an image of an app? Those are named without a --stage1 option',
    );
  }
  return { shownAs, version: readVersion(shownAs, manifest), entrypoints, takesPlan: takesPlan(shownAs, manifest) };
}

function takesPlan(shownAs: string, { annotations }: ImageManifest): boolean {
  const format = annotationValue(annotations, launchPlanAnnotation);
  if (format === undefined || format === launchPlanFormat) return format !== undefined;
  throw stage1Error(
    shownAs,
    `the annotation ${launchPlanAnnotation} is ${JSON.stringify(format)}; this rkt writes plans of the format ${launchPlanFormat}`,
  );
}

function requireCleanPath(shownAs: string, kind: EntrypointKind, path: string): void {
  const parts = path.split('/').slice(1);
  if (path.startsWith('/') && !path.includes('\0') && parts.every((part) => !['', '.', '..'].includes(part))) return;
  throw stage1Error(
    shownAs,
    `the annotation ${entrypointAnnotation(kind)} must be an absolute path without "." and "..", is ${JSON.stringify(path)}`,
  );
}

/** Without the annotation it is version 1. */
function readVersion(shownAs: string, manifest: ImageManifest): number {
  const text = annotationValue(manifest.annotations, interfaceVersionAnnotation) ?? '1';
  const version = /^[1-9][0-9]?$/.test(text) ? Number(text) : Number.NaN;
  if (version <= newestInterface) return version;
  throw stage1Error(
    shownAs,
    `the annotation ${interfaceVersionAnnotation} is ${JSON.stringify(text)}; this rkt speaks the versions 1 to ${newestInterface}`,
  );
}

/**
 * Where an entrypoint lies on the host: a file in one of the image's trees. Links in the image are followed inside it only, so one
 * that leads out finds nothing. Errors: ESTAGE1.
 */
export function entrypointFile(stage1: Stage1Interface, kind: EntrypointKind, roots: Roots): string {
  const path = stage1.entrypoints.get(kind);
  if (path === undefined) {
    throw stage1Error(stage1.shownAs, `it has no entrypoint for "${kind}" (annotation ${entrypointAnnotation(kind)})`);
  }
  const file = hostPathOf(roots, path);
  if (file === undefined) throw stage1Error(stage1.shownAs, `its entrypoint ${path} is not in the image`);
  if (findExecutable(roots, path, undefined) === undefined) {
    throw stage1Error(stage1.shownAs, `its entrypoint ${path} is not an executable file`);
  }
  return file;
}
