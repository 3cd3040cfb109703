/**
 * From a prepared pod to a running one: network, registration, launch plan. `rkt run` and `rkt run-prepared` both end here. The order
 * matters: whatever could be left behind by a crash belongs to a pod directory that exists already and that gc will
 * find; the pod is registered before its first instruction.
 */

import { writeFileSync } from 'node:fs';
import { native } from '../../native/index.ts';
import {
  forwardPorts,
  type PodNetwork,
  type PortForward,
  setupPodNetwork,
  startNetns,
  teardownPodNetwork,
} from '../../netns/index.ts';
import type { PodManifest } from '../appc/pod-manifest.ts';
import type { Port } from '../appc/port.ts';
import { messageOf, RktError } from '../base/errors.ts';
import { writeWhole } from '../base/files.ts';
import type { Log } from '../base/log.ts';
import { leaseDir, netnsDir, podFiles } from '../base/paths.ts';
import { becomeStage1, environmentOfCaller } from '../stage1/become.ts';
import type { PodIsolation } from '../stage1/isolation/isolate.ts';
import type { PodNamespaces } from '../stage1/isolation/sysctls.ts';
import { buildPlan, type PlanSettings } from '../stage1/launch.ts';
import { encodePlan } from '../stage1/plan.ts';
import type { PodStage1 } from '../stage1/pod-stage1.ts';
import { runArguments } from '../stage1/stage1-arguments.ts';
import { refuseNetworkAdmins } from './activation/network-admins.ts';
import type { PodSockets } from './activation/pod-sockets.ts';
import { failureOf } from './failure.ts';
import { forwardedPorts, podForwards } from './forwards.ts';
import { writeOutcomes } from './isolation-file.ts';
import { metadataUrlFor, newToken, registerPod } from './metadata.ts';
import type { PodNetworking } from './networks.ts';
import { type HeldPod, moveTo } from './pod-dir.ts';
import type { PreparedPod } from './prepare.ts';
import { type IdRange, makeUserNamespace, removeUserNamespace, usernsPath } from './private-users.ts';
import { stage1OfPod } from './stage1-of-pod.ts';

export interface StartOptions {
  readonly dataDir: string;
  readonly networking: PodNetworking;
  /** A connection to the metadata service, where the pod is to be registered. */
  readonly lease: number | undefined;
  readonly settings: PlanSettings;
  /** Local configuration directory, for a stage1 that is an image. */
  readonly localConfig: string;
  /** Called with the pod's uuid once nothing but starting it can fail. */
  readonly onReady: (uuid: string) => void | Promise<void>;
  readonly mark: Mark;
  readonly log: Log;
}

/** With `--debug`, how long each step took since the one before; the first is counted from the start of the process. */
export type Mark = (step: string) => void;

/** A pod of which is known what is done about its isolators, and which sockets its apps get. */
export interface StartablePod extends PreparedPod {
  readonly isolation: PodIsolation;
  readonly sockets: PodSockets;
}

/** The namespaces that a pod has for itself. */
export const namespacesOf = ({ networking, settings }: StartOptions): PodNamespaces => ({
  ownNetwork: networking !== 'host',
  ownIpc: settings.hostIpc !== true,
});

/** A network namespace in the making; undefined, or a promise of that: the host's is used. */
export type Netns = Promise<string | undefined> | undefined;

/**
 * Making a namespace is kernel work on a thread of its own; it goes on while the pod is prepared. One of a pod with private users belongs
 * to their user namespace, so the two are made together, when it is known which users they are.
 */
export function beginNetns(uuid: string, networking: PodNetworking, users: IdRange | undefined): Netns {
  const dir = networking === 'host' ? undefined : netnsDir;
  const netns =
    users !== undefined ? makeUserNamespace(uuid, users, dir) : dir === undefined ? undefined : startNetns(uuid, dir);
  netns?.catch(() => {});
  return netns;
}

/** What a start asks of the pod, checked while a mistake still costs nothing. Errors: EUSAGE, EPORT. */
export function checkStart(manifest: PodManifest, { passed }: PodSockets, options: StartOptions): void {
  const { settings, networking, log } = options;
  const { apps } = manifest;
  podForwards(manifest, networking, passed);
  if (networking === 'host' && forwardedPorts(manifest, passed).length > 0) {
    log.warn('no port is forwarded: on the network of the host the apps listen there themselves');
  }
  // Whose keys would a second app read?
  if (settings.terminals !== undefined && apps.length !== 1) {
    throw new RktError(`--interactive is for pods with one app, and this one has ${apps.length}`, { code: 'EUSAGE' });
  }
}

/**
 * The sockets that the apps of a pod are activated by. Hardly any pod has such ports, and hardly any rkt is started with sockets.
 * Errors: EPORT, EACTIVATION.
 */
export async function socketsFor(manifest: PodManifest, env = process.env): Promise<PodSockets> {
  const { apps, ports } = manifest;
  const activated = (port: Port | undefined): boolean => port?.socketActivated === true;
  const wanted = apps.some(({ app }) => app?.ports.some(activated)) || ports.some(({ podPort }) => activated(podPort));
  if (!wanted && env.LISTEN_PID === undefined) return { apps: new Map(), passed: new Set() };
  const { assignSockets } = await import('./activation/assign.ts');
  return assignSockets(manifest, env, process.pid);
}

/**
 * Starts a pod. Does not return: the process becomes stage1's `run`, which is the pod's monitor from then on.
 * Errors: whatever a step threw, after the network was taken down again and `giveUp` was called with the pod as it lies then.
 */
export async function startPod(
  prepared: StartablePod,
  netns: Netns,
  options: StartOptions,
  giveUp: (pod: HeldPod) => void,
): Promise<never> {
  const { mark, log } = options;
  let { pod } = prepared;
  let network: PodNetwork | undefined;
  try {
    checkSockets(prepared, options);
    pod = moveTo(options.dataDir, pod, 'run');
    mark('prepare');

    const netnsPath = await netns;
    const forwards = podForwards(prepared.manifest, options.networking, prepared.sockets.passed);
    network = setupNetwork(pod, netnsPath, options, forwards);
    mark('network');

    const token = options.lease === undefined ? undefined : newToken();
    const registered =
      options.lease === undefined || token === undefined
        ? () => {}
        : registerPod(options.lease, pod, token, network, prepared.apps, prepared.manifestText);
    const stage1 = stage1OfPod(options.dataDir, pod.dir);
    if (stage1.root !== undefined && prepared.sockets.passed.size > 0) throw noSocketsFor(stage1);
    const plan = buildPlan({
      pod,
      manifest: prepared.manifest,
      isolation: prepared.isolation,
      apps: prepared.apps,
      // What a stage1 that is an image does about ports without sockets is its own matter: it has the pod's manifest.
      sockets: stage1.root === undefined ? prepared.sockets.apps : new Map(),
      netns: netnsPath,
      network,
      lease: options.lease,
      metadataUrl: metadataUrlFor(token),
      stage1: stage1.root,
      userNamespace: prepared.users && { path: usernsPath(pod.uuid), ...prepared.users },
      settings: options.settings,
    });
    // It holds the token of the registration and the environments of the apps.
    writeFileSync(podFiles.plan(pod.dir), encodePlan(plan), { mode: 0o600 });
    writeOutcomes(pod.dir, prepared.isolation);
    mark('plan');
    registered();
    mark('registration');
    await options.onReady(pod.uuid);
    return becomeMonitor(pod, prepared, stage1, token, options);
  } catch (error) {
    await undo(pod, netns, network, giveUp, log);
    throw failureOf(`starting pod ${pod.uuid} in ${options.dataDir}`, error);
  }
}

/** Where the network is the host's anyway, or the capability is one of other users, a socket gives nothing more. */
function checkSockets({ sockets, isolation, users }: StartablePod, { networking }: StartOptions): void {
  if (sockets.passed.size === 0 || networking === 'host' || users !== undefined) return;
  refuseNetworkAdmins(sockets.apps, (app) => isolation.apps.get(app)?.capsBounding ?? 0n);
}

/** Only the built-in kinds have a network to set up; `none` has the bare namespace. */
function setupNetwork(
  pod: HeldPod,
  netns: string | undefined,
  { networking: kind, log }: StartOptions,
  forwards: readonly PortForward[],
): PodNetwork | undefined {
  if (netns === undefined || kind === 'host' || kind === 'none') return undefined;
  const leases = leaseDir('default');
  const plain = setupPodNetwork({ uuid: pod.uuid, kind, netns, leaseDir: leases, dir: pod.dir });
  if (!forwardPorts({ uuid: pod.uuid, network: plain, forwards, leaseDir: leases })) {
    log.warn(
      'the ports of the pod cannot be reached at 127.0.0.1: the kernel lacks what would keep the pod from there itself ' +
        '(CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_BPF)',
    );
  }
  const network = forwards.length === 0 ? plain : { ...plain, forwards };
  writeWhole(podFiles.netInfo(pod.dir), JSON.stringify([network]));
  return network;
}

/** Nothing of its interface says to whom a socket belongs (docs/stage1.md). */
const noSocketsFor = (stage1: PodStage1): RktError =>
  new RktError(`stage1 ${stage1.image} cannot hand over sockets, and rkt was started with some`, {
    code: 'ESTAGE1',
    hint: 'run the pod by the built-in stage1',
  });

/** Replaces this process. Only the lock, the lease, the standard streams and the sockets of apps go along. */
function becomeMonitor(
  pod: HeldPod,
  prepared: StartablePod,
  stage1: PodStage1,
  token: string | undefined,
  options: StartOptions,
): never {
  const { lease } = options;
  const { program, args } = stage1.command('run', stage1Arguments(prepared, stage1, token, options));
  native.setCloexec(pod.lockFd, false);
  if (lease !== undefined) native.setCloexec(lease, false);
  for (const socket of [...prepared.sockets.apps.values()].flat())
    if ('fd' in socket) native.setCloexec(socket.fd, false);
  // A service manager that waits for us is told by the monitor, which knows when the pod is ready.
  const { NOTIFY_SOCKET } = process.env;
  const env = {
    // An image may bring programs that look for others; our own needs nothing.
    ...(stage1.root === undefined ? {} : environmentOfCaller()),
    RKT_LOCK_FD: String(pod.lockFd),
    ...(NOTIFY_SOCKET === undefined ? {} : { NOTIFY_SOCKET }),
  };
  return becomeStage1(pod.dir, program, ['run', ...args], env);
}

function stage1Arguments(
  { pod: { uuid }, users }: PreparedPod,
  stage1: PodStage1,
  token: string | undefined,
  { settings, localConfig, log }: StartOptions,
): string[] {
  const debug = log.debugging;
  // The plan has everything else.
  if (stage1.root === undefined) return debug ? ['--debug', uuid] : [uuid];
  const { hostname, allCapabilities, openPaths, noSeccomp, ipc } = settings;
  return runArguments(stage1.version, {
    uuid,
    debug,
    interactive: settings.terminals !== undefined,
    token,
    localConfig,
    privateUsers: users,
    hostname,
    allCapabilities,
    openPaths,
    noSeccomp,
    ipc,
  });
}

/** Takes everything down that a failed start has set up. What fails here is left to gc, which finds the pod's directory. */
export async function undo(
  pod: HeldPod,
  netns: Netns,
  network: PodNetwork | undefined,
  giveUp: (pod: HeldPod) => void,
  log: Log,
): Promise<void> {
  try {
    await netns?.catch(() => undefined);
    removeUserNamespace(pod.uuid);
    if (netns !== undefined) {
      const path = `${netnsDir}/${pod.uuid}`;
      teardownPodNetwork({ uuid: pod.uuid, network, netns: path, leaseDir: leaseDir('default') });
    }
    giveUp(pod);
  } catch (error) {
    log.warn(`cleaning up after pod ${pod.uuid}: ${messageOf(error)}; "rkt gc" will try again`);
  }
}

export function stopwatch(log: Log): Mark {
  if (!log.debugging) return () => {};
  let last = 0;
  return (step) => {
    const now = performance.now();
    log.debug(`timing: ${step} ${(now - last).toFixed(1)} ms`);
    last = now;
  };
}
