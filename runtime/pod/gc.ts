/**
 * Garbage collection: mark, then sweep. Exited pods are moved to exited-garbage and stay there for a grace period, so that
 * their status can still be asked; failed prepares go to garbage. Every step tolerates another gc doing the same.
 */

import { statSync } from 'node:fs';
import { removeDeadService } from '../../netns/index.ts';
import { errnoOf, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type PodPhase, podDir } from '../base/paths.ts';
import { type CollectOptions, collect, holdPatiently } from './collect.ts';
import { failureOf } from './failure.ts';
import { freeStaleNames } from './names.ts';
import { type HeldPod, moveTo, release, removeEmbryo, tryHold } from './pod-dir.ts';
import { uuidsIn } from './pods.ts';

export interface GcOptions extends CollectOptions {
  /** Time in exited-garbage before a pod is removed, in milliseconds. */
  readonly gracePeriod: number;
  /** Time after which a pod that was prepared and never run is given up, in milliseconds. */
  readonly expirePrepared: number;
  /** Only mark. */
  readonly markOnly: boolean;
  /** Called once per step, with the line that the user sees. */
  readonly report: (line: string) => void;
}

/** One pass. Returns the number of things that could not be collected; the reasons have been logged. */
export async function collectGarbage(options: GcOptions): Promise<number> {
  const failures = await collectPods(options);
  // After the pods, so that nothing of theirs keeps the firewall's table.
  return failures + (options.markOnly ? 0 : await collectService(options.log));
}

/** A metadata service that was killed leaves its address on the host, its socket and its mark. */
async function collectService(log: Log): Promise<number> {
  try {
    if (await removeDeadService()) log.info('removed what a metadata service that was killed had left');
    return 0;
  } catch (error) {
    log.warn(`a metadata service that was killed has left something: ${messageOf(error)}`);
    return 1;
  }
}

async function collectPods(options: GcOptions): Promise<number> {
  for (const uuid of uuidsIn(options.dataDir, 'embryo')) removeEmbryo(options.dataDir, uuid);
  mark(options, 'run', 'exited-garbage', (uuid) => `Moving container "${uuid}" to garbage`);
  mark(options, 'prepare', 'garbage', (uuid) => `Moving failed prepare "${uuid}" to garbage`);
  expire(options);
  // Garbage has no name.
  freeStaleNames(options.dataDir);
  if (options.markOnly) return 0;
  return (await sweep(options, 'exited-garbage', options.gracePeriod)) + (await sweep(options, 'garbage', 0));
}

/** Moves every pod of `from` that nobody holds. */
function mark(options: GcOptions, from: PodPhase, to: PodPhase, line: (uuid: string) => string): void {
  for (const uuid of uuidsIn(options.dataDir, from)) move(options, from, to, uuid, line(uuid));
}

function move(options: GcOptions, from: PodPhase, to: PodPhase, uuid: string, line: string): void {
  const pod = tryHold(options.dataDir, from, uuid, 'shared');
  if (pod === undefined) return;
  try {
    moveTo(options.dataDir, pod, to);
    options.report(line);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw failureOf(`moving pods of ${options.dataDir} to the garbage`, error);
  } finally {
    release(pod);
  }
}

function expire(options: GcOptions): void {
  for (const uuid of uuidsIn(options.dataDir, 'prepared')) {
    if (!hasStayed(podDir(options.dataDir, 'prepared', uuid), options.expirePrepared)) continue;
    move(options, 'prepared', 'garbage', uuid, `Moving expired prepared pod "${uuid}" to garbage`);
  }
}

/**
 * Whether a directory has been where it is for so many milliseconds: a rename sets the change time. The kernel counts that in
 * fractions of a millisecond and Date.now() does not, so what was moved just now can seem to come from the future.
 */
function hasStayed(dir: string, period: number): boolean {
  if (period <= 0) return true;
  const stat = statSync(dir, { throwIfNoEntry: false });
  return stat !== undefined && Math.max(0, Date.now() - stat.ctimeMs) >= period;
}

/**
 * How many pods are removed at a time, on the threads that libuv has. More than there are threads, so that those have work while this one
 * gets the next ready; few enough for the descriptors of their locks.
 */
const atATime = 32;

async function sweep(options: GcOptions, phase: PodPhase, gracePeriod: number): Promise<number> {
  let failures = 0;
  // One iterator for all: whoever is done with a pod takes the next.
  const left = uuidsIn(options.dataDir, phase).values();
  const work = async (): Promise<void> => {
    for (const uuid of left) if (!(await sweepOne(options, phase, uuid, gracePeriod))) failures++;
  };
  await Promise.all(Array.from({ length: atATime }, work));
  return failures;
}

/** Does not throw: others are being removed meanwhile. False where the pod should go and has to stay; the reason has been logged. */
async function sweepOne(options: GcOptions, phase: PodPhase, uuid: string, gracePeriod: number): Promise<boolean> {
  const dir = podDir(options.dataDir, phase, uuid);
  let pod: HeldPod | undefined;
  try {
    if (!hasStayed(dir, gracePeriod)) return true;
    pod = holdPatiently(options.dataDir, phase, uuid);
    if (pod === undefined) return true;
    options.report(`Garbage collecting container "${uuid}"`);
    await collect(pod, options);
    return true;
  } catch (error) {
    options.log.warn(`pod ${uuid} stays in ${dir} until the next gc: ${messageOf(error)}`);
    if (pod !== undefined) release(pod);
    return false;
  }
}
