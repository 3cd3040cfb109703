/** `rkt run` and `rkt prepare`: from a request to a pod that runs, or to one that waits to be run. */

import { native } from '../../native/index.ts';
import type { PodManifest } from '../appc/pod-manifest.ts';
import { messageOf, RktError } from '../base/errors.ts';
import { podPhaseDir } from '../base/paths.ts';
import { syncDirectory } from '../image/durable.ts';
import { settleNow } from '../image/settle.ts';
import { hierarchies } from '../stage1/cgroups.ts';
import { type IsolationChoices, isolatePod } from '../stage1/isolation/isolate.ts';
import type { PodSockets } from './activation/pod-sockets.ts';
import { composePod, implicitVolumes, type PodRequest } from './compose.ts';
import { failureOf } from './failure.ts';
import { forwardedPorts } from './forwards.ts';
import { NameClaim } from './names.ts';
import { createPod, type HeldPod, moveTo, release, removePod } from './pod-dir.ts';
import { type PrepareOptions, preparePod } from './prepare.ts';
import { releaseIds } from './private-users.ts';
import {
  beginNetns,
  checkStart,
  type Netns,
  namespacesOf,
  type StartOptions,
  socketsFor,
  startPod,
  undo,
} from './start.ts';

export interface MakeOptions extends PrepareOptions {
  readonly request: PodRequest;
  readonly settings: IsolationChoices;
}

export type RunOptions = MakeOptions & StartOptions;

/** Makes a pod and starts it. Errors: whatever a step threw, after everything the pod had so far was taken down again. */
export async function runPod(options: RunOptions): Promise<never> {
  const manifest = compose(options);
  const sockets = await socketsFor(manifest);
  refusePorts(manifest, sockets, options);
  checkStart(manifest, sockets, options);
  const isolation = await isolatePod(manifest, { ...options.settings, ...namespacesOf(options) }, options.log);
  options.mark('isolators');
  const making = begin(options);
  const { pod } = making;
  const early = options.privateUsers === undefined ? beginNetns(pod.uuid, options.networking, undefined) : undefined;
  const prepared = await preparing(making, early, options, () =>
    preparePod(pod, manifest, options, implicitVolumes(options.request, manifest), false),
  );
  const netns = early ?? beginNetns(pod.uuid, options.networking, prepared.users);
  return startPod({ ...prepared, isolation, sockets }, netns, options, (started) =>
    abandon({ ...making, pod: started }, options),
  );
}

/** Ports that the user has asked for beside the network where they come to nothing. Errors: EUSAGE. */
function refusePorts(manifest: PodManifest, { passed }: PodSockets, { networking, request }: RunOptions): void {
  if (networking !== 'host' || request.manifest !== undefined) return;
  if (forwardedPorts(manifest, passed).length === 0) return;
  throw new RktError('--port is for pods on a private network: on that of the host an app listens there itself', {
    code: 'EUSAGE',
    hint: 'add --private-net, or leave out --port',
  });
}

/**
 * Makes a pod that waits for `rkt run-prepared`. All of it is on disk when this returns. Returns its uuid. Errors: as above.
 */
export async function prepareToKeep(options: MakeOptions): Promise<string> {
  const manifest = compose(options);
  // Only its mistakes are of interest yet. Which namespaces the pod will have for itself is decided when it is started.
  const settings = { ...options.settings, ownNetwork: true, ownIpc: true };
  await isolatePod(manifest, settings, options.log, hierarchies());
  const making = begin(options);
  const { pod } = making;
  return await preparing(making, undefined, options, async () => {
    await preparePod(pod, manifest, options, implicitVolumes(options.request, manifest), true);
    settleTrees(options);
    native.syncfs(pod.lockFd);
    const kept = moveTo(options.dataDir, pod, 'prepared');
    syncDirectory(podPhaseDir(options.dataDir, 'prepared'));
    release(kept);
    return pod.uuid;
  });
}

/** The pod shall find its images after a power cut, too. */
function settleTrees({ store, images, stage1 }: MakeOptions): void {
  const used = stage1 === undefined ? images.values() : [...images.values(), stage1];
  settleNow(
    store.paths.trees,
    [...used].flatMap((image) => store.lowerTrees(image)),
  );
}

/** The manifest of the pod, which is checked before anything is made. */
function compose(options: MakeOptions): PodManifest {
  // Whoever may look at pods shall be able to, whatever the umask of the caller; files with secrets have modes of their own.
  process.umask(0o022);
  return composePod(options.request, options.log);
}

/** A pod on its way, with its name. */
interface Making {
  readonly pod: HeldPod;
  readonly name: NameClaim;
}

const begin = ({ dataDir, name, replace = false }: MakeOptions): Making => ({
  pod: createPod(dataDir),
  name: new NameClaim(dataDir, name, replace),
});

async function preparing<T>(making: Making, netns: Netns, options: MakeOptions, work: () => Promise<T>): Promise<T> {
  try {
    making.name.take(making.pod.uuid);
    return await work();
  } catch (error) {
    await undo(making.pod, netns, undefined, (pod) => abandon({ ...making, pod }, options), options.log);
    throw failureOf(`preparing a pod in ${options.dataDir}`, error);
  }
}

/** A pod that did not come to run leaves nothing. */
function abandon({ pod, name }: Making, { log }: MakeOptions): void {
  removePod(pod);
  releaseIds(pod.uuid);
  try {
    name.giveBack(pod.uuid);
  } catch (error) {
    log.debug(`giving the name of pod ${pod.uuid} back: ${messageOf(error)}`);
  }
}
