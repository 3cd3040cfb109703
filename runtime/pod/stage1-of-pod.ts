/** The stage1 that a pod was prepared with, and how its entrypoints are executed. */

import { existsSync } from 'node:fs';
import { podFiles } from '../base/paths.ts';
import { builtinStage1, newestInterface } from '../stage1/builtin.ts';
import type { PodStage1 } from '../stage1/pod-stage1.ts';
import { customStage1 } from './custom-stage1.ts';

const builtin = (): PodStage1 => ({
  image: undefined,
  version: newestInterface,
  root: undefined,
  has: () => true,
  command: (kind, args) => ({ program: builtinStage1()[kind], args }),
  enterCommand: (args) => ({ program: builtinStage1().enter, args }),
});

/** `dir` is the pod's directory, in whatever phase. Errors: EMANIFEST, ESTAGE1 where what it says of its stage1 is damaged. */
export function stage1OfPod(dataDir: string, dir: string): PodStage1 {
  return existsSync(podFiles.stage1Manifest(dir)) ? customStage1(dataDir, dir) : builtin();
}
