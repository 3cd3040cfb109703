/** What stage1 does for a pod that is over: the entrypoint `gc`. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { messageOf, RktError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { podFiles } from '../base/paths.ts';
import { environmentOfCaller } from '../stage1/become.ts';
import { builtinStage1 } from '../stage1/builtin.ts';
import type { EntrypointCommand } from '../stage1/pod-stage1.ts';
import { gcArguments } from '../stage1/stage1-arguments.ts';
import type { HeldPod } from './pod-dir.ts';
import { stage1OfPod } from './stage1-of-pod.ts';

export interface Stage1GcOptions {
  readonly dataDir: string;
  /** Local configuration directory. */
  readonly localConfig: string;
  readonly log: Log;
}

/**
 * What the pod's monitor, or the keeper of its stage1, would have done at its end, had it lived to see it; always by the built-in
 * stage1, which knows the launch plan. Errors: ESTAGE1.
 */
export function runStage1Gc(pod: HeldPod, { log }: Stage1GcOptions): void {
  const args = log.debugging ? ['--debug', pod.uuid] : [pod.uuid];
  const failure = runGc(pod, { program: builtinStage1().gc, args }, {}, log);
  if (failure !== undefined) throw new RktError(failure, { code: 'ESTAGE1' });
}

/** A gc of an image that takes longer than this hangs. */
const customGcTimeout = 60_000;

/**
 * Lets a stage1 that is an image remove what it has made beside that, once no process of the pod is left. That it cannot keeps no
 * pod from being removed: its image may be gone, or nobody's any more.
 */
export function runCustomGc(pod: HeldPod, { dataDir, localConfig, log }: Stage1GcOptions): void {
  // Where there is no plan, `run` was never executed, or is the built-in one and has ended in order.
  if (!existsSync(podFiles.plan(pod.dir))) return;
  try {
    const stage1 = stage1OfPod(dataDir, pod.dir);
    if (stage1.root === undefined || !stage1.has('gc')) return;
    const args = gcArguments(stage1.version, pod.uuid, log.debugging, localConfig);
    const failure = runGc(pod, stage1.command('gc', args), environmentOfCaller(), log, customGcTimeout);
    if (failure !== undefined) log.warn(`pod ${pod.uuid}: gc of stage1 image ${stage1.image}: ${failure}`);
  } catch (error) {
    log.warn(`pod ${pod.uuid}: ${messageOf(error)}`);
  }
}

/** Returns why it failed; undefined where it did not. */
function runGc(
  pod: HeldPod,
  { program, args }: EntrypointCommand,
  env: NodeJS.ProcessEnv,
  log: Log,
  timeout?: number,
): string | undefined {
  const { status, signal, error, stderr } = spawnSync(program, args, {
    cwd: pod.dir,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    killSignal: 'SIGKILL',
    ...(timeout === undefined ? {} : { timeout }),
  });
  if (error !== undefined) return `starting ${program}: ${error.message}`;
  for (const line of stderr.split('\n').filter((text) => text !== '')) log.debug(line);
  return status === 0 ? undefined : stderr.trim() || `stage1 gc ended with ${status ?? signal}`;
}
