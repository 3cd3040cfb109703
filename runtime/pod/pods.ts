/** The pods of a data directory: found, named, looked into. Nothing here changes anything. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import type { PodNetwork } from '../../netns/index.ts';
import type { PodManifest } from '../appc/pod-manifest.ts';
import { parsePodManifest } from '../appc/pod-manifest.ts';
import { isUuid } from '../appc/uuid.ts';
import { errnoOf, messageOf, RktError } from '../base/errors.ts';
import { type PodPhase, podDir, podFiles, podPhaseDir, podPhases } from '../base/paths.ts';
import { sharedGroup } from '../base/shared-dirs.ts';
import { isLocked } from './pod-dir.ts';
import { lockMatters, type PodState, stateOf } from './state.ts';

export interface PodEntry {
  readonly uuid: string;
  readonly phase: PodPhase;
  readonly dir: string;
  readonly state: PodState;
}

export type { PodNetwork };

/** The uuids that lie in one phase. */
export function uuidsIn(dataDir: string, phase: PodPhase): string[] {
  try {
    return readdirSync(podPhaseDir(dataDir, phase)).filter(isUuid);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    if (errnoOf(error) === 'EACCES') {
      throw new RktError(`reading the pods of ${dataDir}: only root and members of group ${sharedGroup} may`, {
        code: 'ENOTROOT',
        hint: 'try sudo',
        cause: error,
      });
    }
    throw new RktError(`reading the pods of ${dataDir}: ${messageOf(error)}`, { code: 'EPOD', cause: error });
  }
}

/** The pod as it is right now; undefined where it has left that phase. */
export function podIn(dataDir: string, phase: PodPhase, uuid: string): PodEntry | undefined {
  const dir = podDir(dataDir, phase, uuid);
  // Looking takes the lock for a moment, which is not done where it tells nothing: a pod about to be born or started needs it.
  if (!lockMatters(phase)) return existsSync(dir) ? { uuid, phase, dir, state: stateOf(phase, false) } : undefined;
  const locked = isLocked(dataDir, phase, uuid);
  return locked === undefined ? undefined : { uuid, phase, dir, state: stateOf(phase, locked) };
}

/** All pods, in no particular order. One that moves while we look is listed once. */
export function listPods(dataDir: string): PodEntry[] {
  const found = new Map<string, PodEntry>();
  for (const phase of podPhases) {
    for (const uuid of uuidsIn(dataDir, phase)) {
      const pod = podIn(dataDir, phase, uuid);
      if (pod !== undefined) found.set(uuid, pod);
    }
  }
  return [...found.values()];
}

/** Reads a file of a pod; undefined where the pod does not have it (yet). */
function readOptional(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Milliseconds since the epoch at which a file was last written; undefined where it is missing. */
function writtenAt(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

/** The text of the pod manifest; undefined while the pod is being prepared. */
export const manifestText = (pod: PodEntry): string | undefined => readOptional(podFiles.manifest(pod.dir));

/** What a pod looks like from outside. Fields are undefined where the pod has not come that far. */
export interface PodDetails {
  readonly manifest: PodManifest | undefined;
  readonly networks: readonly PodNetwork[];
  readonly created: number | undefined;
  readonly started: number | undefined;
  /** Host PID of the pod's PID 1. */
  readonly pid: number | undefined;
  /** What could not be read, a sentence each: a file may have been cut short when the host lost power. */
  readonly problems: readonly string[];
}

/** Reads what is known of a pod; what is damaged is reported and left out. */
export function podDetails(pod: PodEntry): PodDetails {
  const problems: string[] = [];
  const tolerant = <T>(file: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      problems.push(`${file} is damaged: ${messageOf(error)}`);
      return undefined;
    }
  };
  const { dir } = pod;
  const manifest = tolerant(podFiles.manifest(dir), () => {
    const text = manifestText(pod);
    return text === undefined ? undefined : parsePodManifest(text);
  });
  const networks = tolerant(podFiles.netInfo(dir), () => podNetworks(dir)) ?? [];
  const pid = readOptional(podFiles.pid(dir));
  return {
    manifest,
    networks,
    created: writtenAt(podFiles.manifest(dir)),
    started: writtenAt(podFiles.pid(dir)),
    pid: pid === undefined ? undefined : Number(pid),
    problems,
  };
}

/** The networks that were set up for a pod. Throws where the record is damaged. */
export function podNetworks(dir: string): readonly PodNetwork[] {
  const text = readOptional(podFiles.netInfo(dir));
  return text === undefined ? [] : (JSON.parse(text) as PodNetwork[]);
}

/** Exit code of an app (128 and more: ended by a signal); undefined while it runs, or where nobody saw it end. */
export function appStatus(pod: PodEntry, app: string): number | undefined {
  const text = readOptional(podFiles.status(pod.dir, app));
  return text === undefined || text.trim() === '' ? undefined : Number(text);
}
