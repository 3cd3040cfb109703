/**
 * A pod's directory: made, locked, moved from phase to phase, removed. The lock is flock(2) on the directory itself and is
 * held through an open descriptor, which the pod's monitor inherits: it is free the moment the last holder is gone, however
 * that came about.
 */

import { closeSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { removeTree, removeTreeLater } from '../../native/fs.ts';
import { native } from '../../native/index.ts';
import { errnoOf } from '../base/errors.ts';
import { openOptional } from '../base/files.ts';
import { type PodPhase, podDir, podNamesDir, podPhaseDir, podPhases } from '../base/paths.ts';
import { randomUuid } from '../base/random.ts';
import { makeSharedDir } from '../base/shared-dirs.ts';
import { failureOf } from './failure.ts';

/** A pod whose lock this process holds. */
export interface HeldPod {
  readonly uuid: string;
  readonly phase: PodPhase;
  readonly dir: string;
  /** The locked descriptor of the directory. */
  readonly lockFd: number;
}

/**
 * A new pod in phase prepare, locked. It is born as an embryo because between making a directory and locking it there is a
 * moment in which it would look like a failed prepare. Errors: EPOD where the data directory cannot be written.
 */
export function createPod(dataDir: string): HeldPod {
  for (;;) {
    const uuid = randomUuid();
    const dir = podDir(dataDir, 'embryo', uuid);
    makeEmbryo(dataDir, dir);
    const pod = lockEmbryo(dataDir, uuid, dir);
    // A gc may have swept the embryo away before it was locked; then there is simply another.
    if (pod !== undefined) return pod;
  }
}

function makeEmbryo(dataDir: string, dir: string): void {
  try {
    mkdirSync(dir, 0o750);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw cannotWrite(dataDir, error);
    makePhaseDirs(dataDir);
    mkdirSync(dir, 0o750);
  }
}

/** The directories of all phases and of the names, made when a data directory sees its first pod. */
function makePhaseDirs(dataDir: string): void {
  try {
    for (const phase of podPhases) makeSharedDir(dataDir, podPhaseDir(dataDir, phase));
    makeSharedDir(dataDir, podNamesDir(dataDir));
    // Where pods are born. Side by side, those that start would wait for what ext4 does about the inodes of those that were removed.
    native.spreadDirectories(podPhaseDir(dataDir, 'embryo'));
  } catch (error) {
    throw cannotWrite(dataDir, error);
  }
}

function cannotWrite(dataDir: string, cause: unknown): unknown {
  return failureOf(`making a pod in ${dataDir}`, cause);
}

function lockEmbryo(dataDir: string, uuid: string, dir: string): HeldPod | undefined {
  const lockFd = openOptional(dir);
  if (lockFd === undefined) return undefined;
  try {
    if (native.flock(lockFd, 'exclusive', true)) {
      return moveTo(dataDir, { uuid, phase: 'embryo', dir, lockFd }, 'prepare');
    }
  } catch (error) {
    closeSync(lockFd);
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  closeSync(lockFd);
  rmdirSync(dir);
  return undefined;
}

/** Moves a held pod to another phase; the lock stays. Fails with EEXIST or ENOENT where somebody else was faster. */
export function moveTo(dataDir: string, pod: HeldPod, phase: PodPhase): HeldPod {
  const dir = podDir(dataDir, phase, pod.uuid);
  renameSync(pod.dir, dir);
  return { ...pod, phase, dir };
}

/** Removes a held pod with everything in it, and lets go of its lock. */
export function removePod(pod: HeldPod): void {
  removeTree(pod.dir);
  closeSync(pod.lockFd);
}

/** The same, on a thread of its own. */
export async function removePodLater(pod: HeldPod): Promise<void> {
  await removeTreeLater(pod.dir);
  closeSync(pod.lockFd);
}

/**
 * Opens the directory of a pod and takes its lock if it is free. Undefined where it is held, or where the directory has
 * moved on; callers find it in its new phase the next time they look.
 */
export function tryHold(
  dataDir: string,
  phase: PodPhase,
  uuid: string,
  mode: 'shared' | 'exclusive',
): HeldPod | undefined {
  const dir = podDir(dataDir, phase, uuid);
  const lockFd = openOptional(dir);
  if (lockFd === undefined) return undefined;
  if (native.flock(lockFd, mode, true)) return { uuid, phase, dir, lockFd };
  closeSync(lockFd);
  return undefined;
}

/** Lets go of a pod without touching it. */
export const release = (pod: HeldPod): void => closeSync(pod.lockFd);

/** Whether some process holds the pod's lock: for a pod in phase run this is what being alive means. */
export function isLocked(dataDir: string, phase: PodPhase, uuid: string): boolean | undefined {
  const fd = openOptional(podDir(dataDir, phase, uuid));
  if (fd === undefined) return undefined;
  try {
    return !native.flock(fd, 'shared', true);
  } finally {
    closeSync(fd);
  }
}

/** Removes an embryo that nobody locked. False where it is no longer there or came to life. */
export function removeEmbryo(dataDir: string, uuid: string): boolean {
  const pod = tryHold(dataDir, 'embryo', uuid, 'exclusive');
  if (pod === undefined) return false;
  try {
    rmdirSync(pod.dir);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  } finally {
    release(pod);
  }
}
