/** The pods of a data directory: found, named, looked into. Nothing here changes anything. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import type { PodNetwork } from '../../netns/index.ts';
import type { PodManifest, RuntimeApp } from '../appc/pod-manifest.ts';
import { isUuid } from '../appc/uuid.ts';
import { errnoOf, messageOf, RktError } from '../base/errors.ts';
import { readOptional } from '../base/files.ts';
import { type PodPhase, podDir, podFiles, podPhaseDir, podPhases } from '../base/paths.ts';
import { sharedGroup } from '../base/shared-dirs.ts';
import { isLocked } from './pod-dir.ts';
import { podPid } from './pod-pid.ts';
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

/** Milliseconds since the epoch at which a file was last written; undefined where it is missing. */
export function writtenAt(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

/** When the pod's stage1 had its PID 1: one that is an image may write `ppid` instead of `pid`. */
export const startedAt = (dir: string): number | undefined =>
  writtenAt(podFiles.pid(dir)) ?? writtenAt(podFiles.ppid(dir));

/** Names of the apps of a pod in a directory, by what was prepared for them; none where nothing was. */
export function appNames(dir: string): string[] {
  try {
    return readdirSync(`${dir}/appsinfo`);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Whether all apps had started and were ready. */
export const isReady = (pod: PodEntry): boolean => existsSync(podFiles.ready(pod.dir));

/** The text of the pod manifest; undefined while the pod is being prepared. */
export const manifestText = (pod: PodEntry): string | undefined => readOptional(podFiles.manifest(pod.dir));

/** What there is to say about an app in a line. */
export interface AppSummary {
  readonly name: string;
  readonly imageName: string | undefined;
  readonly imageId: string;
  /** The label "version" of the image. */
  readonly version: string | undefined;
}

/** What a pod looks like from outside. Fields are undefined where the pod has not come that far. */
export interface PodSummary {
  readonly apps: readonly AppSummary[];
  readonly networks: readonly PodNetwork[];
  readonly created: number | undefined;
  readonly started: number | undefined;
  /** Host PID of the pod's PID 1. */
  readonly pid: number | undefined;
  /** What could not be read, a sentence each: a file may have been cut short when the host lost power. */
  readonly problems: readonly string[];
}

/** Reads what is known of a pod; what is damaged is reported and left out. */
export function podSummary(pod: PodEntry): PodSummary {
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
  const apps = tolerant(podFiles.manifest(dir), () => {
    const text = manifestText(pod);
    return text === undefined ? [] : appSummaries(text);
  });
  const started = startedAt(dir);
  return {
    apps: apps ?? [],
    // Before anything of the pod ran there is no network, and no process.
    networks: tolerant(podFiles.netInfo(dir), () => podNetworks(dir)) ?? [],
    created: writtenAt(podFiles.manifest(dir)),
    started,
    pid: started === undefined ? undefined : tolerant(podFiles.pid(dir), () => podPid(dir)),
    problems,
  };
}

/** Of a manifest only what a summary needs is looked at: rkt wrote it, and lists are long. */
function appSummaries(text: string): AppSummary[] {
  const { apps } = JSON.parse(text) as Partial<PodManifest>;
  if (!Array.isArray(apps)) throw new TypeError('it has no list of apps');
  return apps.map(({ name, image }: RuntimeApp) => {
    if (typeof name !== 'string' || typeof image?.id !== 'string') throw new TypeError('an app has no name or image');
    const version = image.labels?.find((label) => label.name === 'version')?.value;
    return { name, imageName: image.name, imageId: image.id, version };
  });
}

/** The decimal number in a file of a pod; undefined where the file is missing. Throws where it holds something else. */
export function readNumber(file: string): number | undefined {
  const text = readOptional(file)?.trim();
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text)) throw new TypeError('it holds no number');
  return Number(text);
}

/** The networks that were set up for a pod. Throws where the record is damaged. */
export function podNetworks(dir: string): readonly PodNetwork[] {
  const text = readOptional(podFiles.netInfo(dir));
  return text === undefined ? [] : (JSON.parse(text) as PodNetwork[]);
}
