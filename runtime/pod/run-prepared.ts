/**
 * `rkt run-prepared`: starts a pod that `rkt prepare` has made, from what its directory says. What may have changed since then is
 * checked again while the pod still lies in phase prepared; where something is wrong it stays there, and can be started
 * once that is put right. The same goes for a start that fails before stage1 takes over.
 */

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { type PodManifest, parsePodManifest } from '../appc/pod-manifest.ts';
import { isRktError, messageOf, RktError } from '../base/errors.ts';
import { podFiles } from '../base/paths.ts';
import type { ImageInfo } from '../image/image-info.ts';
import type { ImageStore } from '../image/store.ts';
import { rootfsOf } from '../image/tree-check.ts';
import { isolatePod } from '../stage1/isolation/isolate.ts';
import { appTrees } from './app-trees.ts';
import { damaged } from './damaged.ts';
import { type HeldPod, moveTo, release, tryHold } from './pod-dir.ts';
import { type PodSettings, storedSettings } from './pod-settings.ts';
import { type PodEntry, podIn } from './pods.ts';
import { checkVolumes, lookUpApps } from './prepare.ts';
import { claimIds } from './private-users.ts';
import {
  beginNetns,
  checkStart,
  type Netns,
  namespacesOf,
  type StartablePod,
  type StartOptions,
  socketsFor,
  startPod,
} from './start.ts';

export interface RunPreparedOptions extends StartOptions {
  readonly store: ImageStore;
  /** Finds a stored image by its id and sees to it that it may be executed. Errors: ENOIMAGE, EVERIFY. */
  readonly findImage: (id: string) => Promise<ImageInfo>;
}

/** Starts the pod. Does not return. Errors: ENOTPREPARED, EDAMAGED, and those of the checks and of starting. */
export async function runPrepared(entry: PodEntry, options: RunPreparedOptions): Promise<never> {
  process.umask(0o022);
  const pod = takePrepared(entry, options.dataDir);
  let prepared: StartablePod;
  let netns: Netns;
  try {
    prepared = await load(pod, options);
    netns = beginNetns(pod.uuid, options.networking, prepared.users);
  } catch (error) {
    release(pod);
    throw error;
  }
  return startPod(prepared, netns, options, (started) => putBack(started, options.dataDir));
}

/** Takes the pod for this process alone. */
function takePrepared({ uuid, phase, state }: PodEntry, dataDir: string): HeldPod {
  const pod = phase === 'prepared' ? tryHold(dataDir, 'prepared', uuid, 'exclusive') : undefined;
  // A directory that was opened here and is gone by now is the winner's.
  if (pod !== undefined && existsSync(pod.dir)) return pod;
  if (pod !== undefined) release(pod);
  if (phase !== 'prepared') {
    throw new RktError(`pod ${uuid} cannot be started: its state is "${state}"`, {
      code: 'ENOTPREPARED',
      hint: 'only pods made by "rkt prepare" wait to be started',
    });
  }
  const now = (['prepared', 'run', 'exited-garbage', 'garbage'] as const)
    .map((candidate) => podIn(dataDir, candidate, uuid))
    .find((found) => found !== undefined);
  const doing =
    now === undefined ? 'it is gone' : now.phase === 'prepared' ? 'it is being started' : `it is ${now.state}`;
  throw new RktError(`pod ${uuid} cannot be started: somebody else was faster, ${doing}`, { code: 'ENOTPREPARED' });
}

/** Reads the pod and checks what must hold again. */
async function load(pod: HeldPod, options: RunPreparedOptions): Promise<StartablePod> {
  const { store, findImage, settings: planSettings, log } = options;
  const settings = requireSettings(pod);
  const { manifest, text } = readManifest(pod);
  const images = new Map<string, ImageInfo>();
  for (const { name, image } of manifest.apps) images.set(image.id, await naming(name, () => findImage(image.id)));
  for (const { name, app } of manifest.apps) {
    if (app === undefined) throw unusable(podFiles.manifest(pod.dir), `app "${name}" does not say what to execute`);
  }
  const sockets = await socketsFor(manifest);
  checkStart(manifest, sockets, options);
  const isolation = await isolatePod(manifest, { ...planSettings, ...namespacesOf(options) }, log);
  checkVolumes(manifest);
  const roots = await rootsOf(pod, manifest, settings, images, options);
  const apps = lookUpApps(manifest, images, (name) => roots.get(name) as readonly string[], !settings.overlay);
  for (const image of images.values()) store.markUsed(image);
  const { privateUsers } = settings;
  const users = privateUsers === undefined ? undefined : claimIds(privateUsers, pod.uuid);
  return { pod, manifest, manifestText: text, apps, users, isolation, sockets };
}

function requireSettings(pod: HeldPod): PodSettings {
  const settings = storedSettings(pod.dir);
  if (settings === undefined) throw unusable(podFiles.settings(pod.dir), 'it is missing');
  return settings;
}

function readManifest(pod: HeldPod): { manifest: PodManifest; text: string } {
  const file = podFiles.manifest(pod.dir);
  try {
    const text = readFileSync(file, 'utf8');
    return { manifest: parsePodManifest(text), text };
  } catch (error) {
    throw unusable(file, messageOf(error), error);
  }
}

/** Says which app an error is about. */
async function naming<T>(app: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!isRktError(cause)) throw cause;
    const { code, hint } = cause;
    throw new RktError(`app "${app}": ${cause.message}`, { code, ...(hint === undefined ? {} : { hint }), cause });
  }
}

/**
 * Where the root filesystem of every app is: the very trees that the pod was prepared with, even if a dependency has become newer
 * since, or its copy. Trees that are missing are extracted again.
 */
async function rootsOf(
  pod: HeldPod,
  manifest: PodManifest,
  settings: PodSettings,
  images: ReadonlyMap<string, ImageInfo>,
  { store, log }: RunPreparedOptions,
): Promise<Map<string, readonly string[]>> {
  const roots = new Map<string, readonly string[]>();
  for (const { name, image } of manifest.apps) {
    const copy = podFiles.rootCopy(pod.dir, name);
    const trees = settings.overlay ? appTrees(pod.dir, name) : [];
    if (trees.some((tree) => !store.hasLayer(tree))) await store.lowerDirs(images.get(image.id) as ImageInfo, log);
    const missing = settings.overlay
      ? trees.find((tree) => !store.hasLayer(tree))
      : existsSync(copy)
        ? undefined
        : copy;
    if (missing !== undefined) {
      throw new RktError(`app "${name}": its root filesystem is incomplete: ${missing} is missing`, {
        code: 'EDAMAGED',
        hint: `prepare another pod; "rkt rm ${pod.uuid}" removes this one`,
      });
    }
    roots.set(name, settings.overlay ? trees.map((tree) => rootfsOf(store.treeDir(tree))) : [copy]);
  }
  return roots;
}

/** The pod waits again, as nothing of it was executed. */
function putBack(pod: HeldPod, dataDir: string): void {
  for (const file of [podFiles.netInfo(pod.dir), podFiles.plan(pod.dir), podFiles.isolators(pod.dir)])
    rmSync(file, { force: true });
  if (pod.phase === 'run') moveTo(dataDir, pod, 'prepared');
  release(pod);
}

const unusable = (file: string, reason: string, cause?: unknown): RktError =>
  damaged(file, reason, cause, 'prepare another pod; "rkt rm" removes this one');
