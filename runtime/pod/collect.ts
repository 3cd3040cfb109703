/** Taking a dead pod apart, for `rkt gc` and `rkt rm`. What was done before is no failure, so this may be done again. */

import { existsSync, readdirSync } from 'node:fs';
import { leasedNetwork, type TeardownOptions, teardownPodNetwork } from '../../netns/index.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { leaseDir, metadataSocket, netnsDir, type PodPhase, podDir, podFiles } from '../base/paths.ts';
import { hierarchies, podScope } from '../stage1/cgroups.ts';
import { readText } from './look/files.ts';
import { type HeldPod, removePodLater, tryHold } from './pod-dir.ts';
import { type PodNetwork, podNetworks } from './pods.ts';
import { releaseIds, removeUserNamespace } from './private-users.ts';
import { unregister } from './registration.ts';
import { runCustomGc, runStage1Gc } from './stage1-gc.ts';

export interface CollectOptions {
  readonly dataDir: string;
  /** Local configuration directory, for a stage1 that is an image. */
  readonly localConfig: string;
  readonly log: Log;
}

/** Whoever looks at a pod holds its lock for a moment; that is waited for, another gc is not. Undefined where it is held on. */
export function holdPatiently(dataDir: string, phase: PodPhase, uuid: string): HeldPod | undefined {
  for (let attempt = 0; attempt < 10; attempt++) {
    const pod = tryHold(dataDir, phase, uuid, 'exclusive');
    if (pod !== undefined || !existsSync(podDir(dataDir, phase, uuid))) return pod;
    Atomics.wait(pause, 0, 0, 2);
  }
  return undefined;
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Removes what a pod has outside of its directory: its processes, then its registration (before its address can be another pod's), then
 * its network. The files go last, because they say what else there is; on a thread, so that the next pod's turn comes meanwhile.
 */
export async function collect(pod: HeldPod, options: CollectOptions): Promise<void> {
  const network = networkTeardown(pod, options.log);
  if (!endedInOrder(pod)) {
    runStage1Gc(pod, options);
    forget(pod, options.log);
  }
  runCustomGc(pod, options);
  if (network !== undefined) teardownPodNetwork(network);
  removeUserNamespace(pod.uuid);
  await removePodLater(pod);
  giveBackIds(pod, options.log);
}

/** After the files, which are theirs. The pod is gone by then, so that its ids may stay taken is no failure. */
function giveBackIds({ uuid }: HeldPod, log: Log): void {
  try {
    releaseIds(uuid);
  } catch (error) {
    log.warn(`pod ${uuid}: giving its ids back: ${messageOf(error)}`);
  }
}

/**
 * The monitor removes its plan when it has undone all that the plan says, and has closed its registration before. Groups are looked for
 * nevertheless, as a plan may be lost in other ways.
 */
const endedInOrder = (pod: HeldPod): boolean => !existsSync(podFiles.plan(pod.dir)) && !hasGroup(pod);

function hasGroup({ uuid, dir }: HeldPod): boolean {
  if (topGroups().has(podScope(uuid))) return true;
  // In a unit that is delegated: a path instead of a name.
  const path = readText(podFiles.cgroup(dir))?.trim() ?? '';
  return path.includes('/') && mounts().some((mount) => existsSync(`${mount}/${path}`));
}

// Looked up once for any number of pods: those that are collected are dead and make no groups.
const mounts = once(() => hierarchies().map(({ mount }) => mount));
const topGroups = once(
  () =>
    new Set(
      mounts()
        .flatMap((mount) => readdirSync(mount))
        .filter((name) => name.includes('rkt')),
    ),
);

function once<T>(look: () => T): () => T {
  let found: T | undefined;
  return () => {
    found ??= look();
    return found;
  };
}

/** The service has forgotten the pod already, unless it could not tell that the pod ended. */
function forget(pod: HeldPod, log: Log): void {
  try {
    unregister(metadataSocket, pod.uuid);
  } catch (error) {
    log.debug(`pod ${pod.uuid}: ${messageOf(error)}`);
  }
}

/**
 * What there is to take down of a pod's network; nothing, unless its namespace is pinned (the first thing made) or its network
 * recorded (the last). Asked before stage1's gc frees the address: where the record is damaged, the lease tells.
 */
function networkTeardown(pod: HeldPod, log: Log): TeardownOptions | undefined {
  const record = podFiles.netInfo(pod.dir);
  const netns = `${netnsDir}/${pod.uuid}`;
  const leases = leaseDir('default');
  if (!existsSync(record) && !existsSync(netns)) return undefined;
  const network = recordedNetwork(pod, log) ?? leasedNetwork(pod.uuid, netns, leases);
  return { uuid: pod.uuid, network, netns, leaseDir: leases };
}

/** A damaged record counts as none. */
function recordedNetwork(pod: HeldPod, log: Log): PodNetwork | undefined {
  try {
    return podNetworks(pod.dir)[0];
  } catch (error) {
    log.debug(`pod ${pod.uuid}: ${podFiles.netInfo(pod.dir)} is damaged: ${messageOf(error)}`);
    return undefined;
  }
}
