/**
 * Phase prepare: fills a pod's directory with everything that running it needs, and checks what can be checked while a
 * mistake still costs nothing.
 */

import { mkdirSync, type Stats, writeFileSync } from 'node:fs';
import { basename, dirname, posix } from 'node:path';
import { supportsFilesystem } from '../../native/fs.ts';
import { annotationValue } from '../appc/annotations.ts';
import { type App, encodePodManifest, type PodManifest, type RuntimeApp } from '../appc/index.ts';
import { RktError } from '../base/errors.ts';
import { writeWhole } from '../base/files.ts';
import type { Log } from '../base/log.ts';
import { podFiles } from '../base/paths.ts';
import { dockerAnnotations } from '../image/docker-annotations.ts';
import type { ImageInfo } from '../image/image-info.ts';
import { findExecutable, lookupDockerUser, lookupUser, statusInImage } from '../image/lookup.ts';
import type { ImageStore } from '../image/store.ts';
import type { PreparedApp } from '../stage1/prepared-app.ts';
import { writeAppTrees } from './app-trees.ts';
import { prepareStage1 } from './custom-stage1.ts';
import type { HeldPod } from './pod-dir.ts';
import { type PodSettings, writeSettings } from './pod-settings.ts';
import { makeRoot, markUsed } from './prepare-root.ts';
import { claimIds, type IdRange, type PrivateUsers, requireIds } from './private-users.ts';
import { checkHostVolume, makeEmptyVolumes } from './volumes.ts';

/** The executables' search path unless the app's environment has another (ace.md, Execution Environment). */
export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface PrepareOptions {
  readonly dataDir: string;
  /** The images of the manifest by id. */
  readonly images: ReadonlyMap<string, ImageInfo>;
  readonly store: ImageStore;
  /** Root filesystems are overlays on the store; otherwise each app gets a copy. */
  readonly overlay: boolean;
  /** The image of the pod's stage1; undefined: the built-in one. */
  readonly stage1: ImageInfo | undefined;
  /** Undefined: the host's. */
  readonly privateUsers: PrivateUsers | undefined;
  /** What the user calls the pod. */
  readonly name: string | undefined;
  /** The name may be that of a pod that has exited, which loses it. */
  readonly replace?: boolean;
  readonly log: Log;
}

/** A pod whose directory has everything that running it needs. */
export interface PreparedPod {
  readonly pod: HeldPod;
  readonly manifest: PodManifest;
  readonly manifestText: string;
  readonly apps: readonly PreparedApp[];
  /** The ids on the host of its users, where those are its own. */
  readonly users: IdRange | undefined;
}

/**
 * Prepares all apps, and gives the pod its name. `implicit` are the volumes that nobody asked for. With `toKeep` the pod will wait for
 * `rkt run-prepared`, and says all that has to be known for that. Errors say which app, and why it cannot run.
 */
export async function preparePod(
  pod: HeldPod,
  manifest: PodManifest,
  options: PrepareOptions,
  implicit: ReadonlySet<string>,
  toKeep: boolean,
): Promise<PreparedPod> {
  const { images, store, log, name } = options;
  checkVolumes(manifest);
  const overlay = options.overlay && overlayIsThere(log);
  const apps = lookUpApps(manifest, images, (_name, image) => store.lowers(image), !overlay);
  for (const { image } of apps) markUsed(store, image);

  const users = options.privateUsers === undefined ? undefined : claimIds(options.privateUsers, pod.uuid);
  if (users !== undefined) requireIds(apps, users);
  const shift = users?.shift ?? 0;
  const settings: PodSettings = {
    overlay,
    ...(name === undefined ? {} : { name }),
    ...(users === undefined ? {} : { privateUsers: users }),
  };
  writeSettings(pod.dir, settings, toKeep);

  mkdirSync(podFiles.statusDir(pod.dir));
  await makeEmptyVolumes(pod.dir, manifest.volumes, apps, implicit);
  for (const app of apps) await makeAppDirs(pod, app, store, shift);
  if (options.stage1 !== undefined) await prepareStage1(pod.dir, options.stage1, store, !overlay);
  const manifestText = encodePodManifest(manifest);
  writeWhole(podFiles.manifest(pod.dir), manifestText);
  return { pod, manifest, manifestText, apps, users };
}

/** Errors: EVOLUME where the source of a volume is not there. */
export function checkVolumes(manifest: PodManifest): void {
  const own = manifest.apps.flatMap(({ mounts }) => mounts.flatMap(({ appVolume }) => appVolume ?? []));
  for (const volume of [...manifest.volumes, ...own]) {
    if (volume.kind === 'host') checkHostVolume(volume);
  }
}

/**
 * Looks up what the apps need to know about their images: users, groups, executables. `rootsOf` says where an app's root filesystem is;
 * with `copied` it is a copy of the pod's own. Errors: EAPP, ENOEXEC.
 */
export function lookUpApps(
  manifest: PodManifest,
  images: ReadonlyMap<string, ImageInfo>,
  rootsOf: (app: string, image: ImageInfo) => readonly string[],
  copied: boolean,
): PreparedApp[] {
  return manifest.apps.map((app) => {
    const image = images.get(app.image.id) as ImageInfo;
    return prepareApp(app, image, rootsOf(app.name, image), copied);
  });
}

/** Without overlayfs pods start slower and need more room, which is better than not at all. */
function overlayIsThere(log: Log): boolean {
  if (supportsFilesystem('overlay')) return true;
  log.warn(
    'this kernel has no overlayfs: every app gets a copy of its image (--no-overlay says so without this warning)',
  );
  return false;
}

function prepareApp(manifest: RuntimeApp, image: ImageInfo, lowers: readonly string[], copied: boolean): PreparedApp {
  const app = manifest.app as App;
  const environment = new Map([
    ['PATH', defaultPath],
    ['container', 'rkt'],
    ...app.environment.map(({ name, value }): [string, string] => [name, value]),
    ['AC_APP_NAME', manifest.name],
  ]);
  const ids = lookupFor(manifest.name, image, () => idsOf(app, image, lowers));
  requireExecutable(manifest, app, image, lowers, environment.get('PATH') ?? defaultPath);
  return { name: manifest.name, app, manifest, image, lowers, copied, ...ids, environment };
}

type Identity = Pick<PreparedApp, 'uid' | 'gid' | 'supplementaryGids'>;

/** Whom the app runs as. Where an image of Docker names no group, and nobody else does, the user's own groups count. */
function idsOf(app: App, { manifest }: ImageInfo, lowers: readonly string[]): Identity {
  const named = annotationValue(manifest.annotations, dockerAnnotations.user) === undefined;
  if (named || app.group !== manifest.app?.group) {
    return { ...lookupUser(lowers, app.user, app.group), supplementaryGids: app.supplementaryGIDs };
  }
  const { uid, gid, gids } = lookupDockerUser(lowers, app.user);
  return { uid, gid, supplementaryGids: app.supplementaryGIDs.length > 0 ? app.supplementaryGIDs : gids };
}

/** Runs a look-up in an image; an error says in which app and image. */
function lookupFor<T>(name: string, image: ImageInfo, look: () => T): T {
  try {
    return look();
  } catch (cause) {
    throw new RktError(`app "${name}": image ${image.name}: ${(cause as Error).message}`, { code: 'EAPP', cause });
  }
}

/**
 * What the image does not have cannot be executed, unless a volume brings it. stage1 looks again, in the finished root
 * filesystem; this check is there so that a slip of the user leaves no pod behind.
 */
function requireExecutable(
  manifest: RuntimeApp,
  app: App,
  image: ImageInfo,
  lowers: readonly string[],
  path: string,
): void {
  const executable = app.exec[0] as string;
  const places = executable.includes('/') ? [executable] : path.split(':').map((dir) => `${dir}/${executable}`);
  const covered = places.some((place) => manifest.mounts.some((mount) => `${place}/`.startsWith(`${mount.path}/`)));
  if (covered) return;
  if (
    lookupFor(manifest.name, image, () => findExecutable(lowers, executable, path, app.workingDirectory)) === undefined
  ) {
    const reason = executable.includes('/')
      ? whyNot(statusInImage(lowers, posix.resolve(app.workingDirectory ?? '/', executable)), image)
      : `not found in image ${image.name} along PATH=${path}`;
    throw new RktError(`app "${manifest.name}": executable "${executable}" ${reason}`, { code: 'ENOEXEC' });
  }
}

function whyNot(status: Stats | undefined, { name }: ImageInfo): string {
  if (status === undefined) return `not found in image ${name}`;
  if (status.isDirectory()) return `is a directory in image ${name}`;
  return status.isFile() ? `has no execute permission in image ${name}` : `is no regular file in image ${name}`;
}

async function makeAppDirs(pod: HeldPod, app: PreparedApp, store: ImageStore, shift: number): Promise<void> {
  mkdirSync(podFiles.appDir(pod.dir, app.name), { recursive: true });
  writeFileSync(podFiles.imageManifest(pod.dir, app.name), app.image.manifestText);
  claimTrees(pod, app, store);
  const overlay = podFiles.overlayDir(pod.dir, app.name);
  await makeRoot(
    app.lowers,
    app.copied
      ? { copy: podFiles.rootCopy(pod.dir, app.name) }
      : { upper: `${overlay}/upper`, work: `${overlay}/work` },
    shift,
  );
}

/** Writes down which trees the app needs, so that `rkt image gc` leaves them; one that was faster has taken them by now. */
function claimTrees(pod: HeldPod, { name, image, lowers }: PreparedApp, store: ImageStore): void {
  const trees = lowers.map((lower) => basename(dirname(lower)));
  writeAppTrees(pod.dir, name, trees);
  store.lowers(image);
}
