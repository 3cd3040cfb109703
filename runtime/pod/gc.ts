/**
 * Garbage collection: mark, then sweep. Exited pods are moved to exited-garbage and stay there for a grace period, so that
 * their status can still be asked; failed prepares go to garbage. Every step tolerates another gc doing the same.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { leasedNetwork, removeDeadService, type TeardownOptions, teardownPodNetwork } from '../../netns/index.ts';
import { errnoOf, messageOf, RktError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { leaseDir, metadataSocket, netnsDir, type PodPhase, podDir, podFiles } from '../base/paths.ts';
import { type HeldPod, moveTo, release, removeEmbryo, removePod, tryHold } from './pod-dir.ts';
import { type PodNetwork, podNetworks, uuidsIn } from './pods.ts';
import { unregister } from './registration.ts';

export interface GcOptions {
  readonly dataDir: string;
  /** Time in exited-garbage before a pod is removed, in milliseconds. */
  readonly gracePeriod: number;
  /** Time after which a pod that was prepared and never run is given up, in milliseconds. */
  readonly expirePrepared: number;
  /** Only mark. */
  readonly markOnly: boolean;
  /** The gc executable of stage1. */
  readonly stage1Gc: string;
  readonly log: Log;
  /** Called once per step, with the line that the user sees. */
  readonly report: (line: string) => void;
}

/** One pass. Returns the number of things that could not be collected; the reasons have been logged. */
export async function collectGarbage(options: GcOptions): Promise<number> {
  const failures = collectPods(options);
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

function collectPods(options: GcOptions): number {
  for (const uuid of uuidsIn(options.dataDir, 'embryo')) removeEmbryo(options.dataDir, uuid);
  mark(options, 'run', 'exited-garbage', (uuid) => `Moving container "${uuid}" to garbage`);
  mark(options, 'prepare', 'garbage', (uuid) => `Moving failed prepare "${uuid}" to garbage`);
  expire(options);
  if (options.markOnly) return 0;
  return sweep(options, 'exited-garbage', options.gracePeriod) + sweep(options, 'garbage', 0);
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
    if (errnoOf(error) !== 'ENOENT') throw error;
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
  const stat = statSync(dir, { throwIfNoEntry: false });
  return stat !== undefined && Math.max(0, Date.now() - stat.ctimeMs) >= period;
}

function sweep(options: GcOptions, phase: PodPhase, gracePeriod: number): number {
  let failures = 0;
  for (const uuid of uuidsIn(options.dataDir, phase)) {
    if (!hasStayed(podDir(options.dataDir, phase, uuid), gracePeriod)) continue;
    const pod = holdPatiently(options.dataDir, phase, uuid);
    if (pod === undefined) continue;
    options.report(`Garbage collecting container "${uuid}"`);
    try {
      collect(pod, options);
    } catch (error) {
      failures++;
      options.log.warn(`pod ${uuid} stays in ${pod.dir} until the next gc: ${messageOf(error)}`);
      release(pod);
    }
  }
  return failures;
}

/** Whoever looks at a pod holds its lock for a moment; that is waited for, another gc is not. */
function holdPatiently(dataDir: string, phase: PodPhase, uuid: string): HeldPod | undefined {
  for (let attempt = 0; attempt < 10; attempt++) {
    const pod = tryHold(dataDir, phase, uuid, 'exclusive');
    if (pod !== undefined || !existsSync(podDir(dataDir, phase, uuid))) return pod;
    Atomics.wait(pause, 0, 0, 2);
  }
  return undefined;
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Takes a dead pod apart: its processes, then its registration (before its address can be another pod's), then its network,
 * and its files last, because they say what else there is.
 */
function collect(pod: HeldPod, options: GcOptions): void {
  const network = networkTeardown(pod, options.log);
  runStage1Gc(pod, options);
  forget(pod, options.log);
  if (network !== undefined) teardownPodNetwork(network);
  removePod(pod);
}

/** The service has forgotten the pod already, unless it could not tell that the pod ended. */
function forget(pod: HeldPod, log: Log): void {
  try {
    unregister(metadataSocket, pod.uuid);
  } catch (error) {
    log.debug(`pod ${pod.uuid}: ${messageOf(error)}`);
  }
}

/** What the pod's monitor would have done at its end, had it lived to see it. */
function runStage1Gc(pod: HeldPod, options: GcOptions): void {
  const args = options.log.debugging ? ['--debug', pod.uuid] : [pod.uuid];
  const { status, signal, error, stderr } = spawnSync(options.stage1Gc, args, {
    cwd: pod.dir,
    env: {},
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (error !== undefined) {
    throw new RktError(`starting ${options.stage1Gc}: ${error.message}`, { code: 'ESTAGE1', cause: error });
  }
  for (const line of stderr.split('\n').filter((text) => text !== '')) options.log.debug(line);
  if (status !== 0) {
    throw new RktError(stderr.trim() || `stage1 gc ended with ${status ?? signal}`, { code: 'ESTAGE1' });
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
