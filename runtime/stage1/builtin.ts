/** The stage1 that comes with rkt: static executables, laid out like the root filesystem of an image. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Stage1 {
  readonly run: string;
  readonly enter: string;
  readonly gc: string;
  readonly stop: string;
}

/** Beside the bundle in an installed tree; where node-gyp put the executables in a checkout. */
export function builtinStage1(): Stage1 {
  const rootfs = join(import.meta.dirname, 'stage1', 'rootfs');
  const release = join(dirname(dirname(import.meta.dirname)), 'native', 'build', 'Release');
  const installed = existsSync(rootfs);
  const path = (name: string): string => (installed ? join(rootfs, name) : join(release, `stage1-${name}`));
  return { run: path('run'), enter: path('enter'), gc: path('gc'), stop: path('stop') };
}
