/**
 * Phase prepare: fills a pod's directory with everything that running it needs, and checks what can be checked while a
 * mistake still costs nothing.
 */

import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { type App, encodePodManifest, type PodManifest, type RuntimeApp } from '../appc/index.ts';
import { RktError } from '../base/errors.ts';
import { writeWhole } from '../base/files.ts';
import { podFiles } from '../base/paths.ts';
import type { ImageInfo } from '../image/image-info.ts';
import { findExecutable, lookupUser } from '../image/lookup.ts';
import type { ImageStore } from '../image/store.ts';
import type { PreparedApp } from '../stage1/prepared-app.ts';
import type { HeldPod } from './pod-dir.ts';
import { checkHostVolume, makeEmptyVolume } from './volumes.ts';

/** The executables' search path unless the app's environment has another (ace.md, Execution Environment). */
export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Prepares all apps; `images` are by image id. Errors say which app, and why it cannot run. */
export function preparePod(
  pod: HeldPod,
  manifest: PodManifest,
  images: ReadonlyMap<string, ImageInfo>,
  store: ImageStore,
): { apps: readonly PreparedApp[]; manifestText: string } {
  for (const volume of manifest.volumes) {
    if (volume.kind === 'host') checkHostVolume(volume);
  }
  const apps = manifest.apps.map((app) => prepareApp(app, images.get(app.image.id) as ImageInfo, store));

  mkdirSync(podFiles.statusDir(pod.dir));
  for (const volume of manifest.volumes) {
    if (volume.kind === 'empty') makeEmptyVolume(volume, podFiles.volume(pod.dir, volume.name));
  }
  for (const app of apps) makeAppDirs(pod, app);
  const manifestText = encodePodManifest(manifest);
  writeWhole(podFiles.manifest(pod.dir), manifestText);
  return { apps, manifestText };
}

function prepareApp(manifest: RuntimeApp, image: ImageInfo, store: ImageStore): PreparedApp {
  const app = manifest.app as App;
  const tree = store.tree(image);
  const environment = new Map([
    ['PATH', defaultPath],
    ['container', 'rkt'],
    ...app.environment.map(({ name, value }): [string, string] => [name, value]),
    ['AC_APP_NAME', manifest.name],
  ]);
  const { uid, gid } = lookupFor(manifest.name, image, () => lookupUser(tree, app.user, app.group));
  requireExecutable(manifest, app, image, tree, environment.get('PATH') ?? defaultPath);
  return { name: manifest.name, app, manifest, image, tree, uid, gid, environment };
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
function requireExecutable(manifest: RuntimeApp, app: App, image: ImageInfo, tree: string, path: string): void {
  const executable = app.exec[0] as string;
  const places = executable.includes('/') ? [executable] : path.split(':').map((dir) => `${dir}/${executable}`);
  const covered = places.some((place) => manifest.mounts.some((mount) => `${place}/`.startsWith(`${mount.path}/`)));
  if (covered) return;
  if (
    lookupFor(manifest.name, image, () => findExecutable(tree, executable, path, app.workingDirectory)) === undefined
  ) {
    const where = executable.includes('/') ? '' : ` along PATH=${path}`;
    throw new RktError(`app "${manifest.name}": executable "${executable}" not found in image ${image.name}${where}`, {
      code: 'ENOEXEC',
    });
  }
}

/** The root of an overlay has the attributes of its upper directory, so these are made those of the image's root. */
function makeAppDirs(pod: HeldPod, app: PreparedApp): void {
  const overlay = podFiles.overlayDir(pod.dir, app.name);
  mkdirSync(`${overlay}/work`, { recursive: true });
  mkdirSync(`${overlay}/upper`);
  const { mode, uid, gid } = statSync(app.tree);
  chownSync(`${overlay}/upper`, uid, gid);
  chmodSync(`${overlay}/upper`, mode & 0o7777);
  mkdirSync(podFiles.appDir(pod.dir, app.name), { recursive: true });
  writeFileSync(podFiles.imageManifest(pod.dir, app.name), app.image.manifestText);
}
