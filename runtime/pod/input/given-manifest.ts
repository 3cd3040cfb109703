/**
 * A pod manifest that the user wrote (`--pod-manifest`): read, its images found, checked for contradictions, and completed to
 * what a pod runs from. Whatever is wrong names the field.
 */

import type { App } from '../../appc/app.ts';
import { manifestError, shown } from '../../appc/field.ts';
import { type PodManifest, parsePodManifest, type RuntimeApp } from '../../appc/pod-manifest.ts';
import { messageOf, RktError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { ComposableImage, PodRequest } from '../compose.ts';
import { composeMounts, type Volumes, type WantedMount } from '../compose-mounts.ts';
import { readInput } from './read-input.ts';

const fail = (path: string, reason: string): never => {
  throw manifestError('pod manifest', path, reason);
};

/** Finds an image by its id or the beginning of one. */
export type FindImage<T extends ComposableImage> = (id: string) => Promise<T>;

/**
 * The pod that `file` describes. Images come from the store by id and are not fetched. Errors: EUSAGE where the file cannot be
 * read, EMANIFEST with the field for everything else.
 */
export async function readPodManifest<T extends ComposableImage>(
  file: string,
  find: FindImage<T>,
  log: Log,
): Promise<{ request: PodRequest; images: T[] }> {
  const given = parsePodManifest(readInput('--pod-manifest', file));
  if (given.apps.length === 0) fail('apps', 'must not be empty');
  const volumes: Volumes = new Map(given.volumes.map((volume) => [volume.name, volume]));
  const images: T[] = [];
  const apps: RuntimeApp[] = [];
  for (const [index, app] of given.apps.entries()) {
    const path = `apps[${index}]`;
    const image = await imageOf(app, path, find);
    images.push(image);
    apps.push(completeApp(app, image, path, volumes, log));
  }
  checkPorts(given, apps);
  const manifest: PodManifest = { ...given, apps, volumes: [...volumes.values()] };
  return { request: { apps: [], volumes: given.volumes, mounts: [], inherited: [], explicit: [], manifest }, images };
}

async function imageOf<T extends ComposableImage>({ image }: RuntimeApp, path: string, find: FindImage<T>): Promise<T> {
  let found: T;
  try {
    found = await find(image.id);
  } catch (cause) {
    throw new RktError(`pod manifest: ${path}.image.id: ${messageOf(cause)}`, {
      code: 'EMANIFEST',
      hint: 'fetch the image first: a pod manifest takes images from the store only',
      cause,
    });
  }
  const { name, labels } = found.manifest;
  if (image.name !== undefined && image.name !== name) {
    fail(`${path}.image.name`, `is ${shown(image.name)}, but the image with this id is ${shown(name)}`);
  }
  image.labels.forEach((label, index) => {
    const value = labels.find((own) => own.name === label.name)?.value;
    if (value !== label.value) {
      const own = value === undefined ? 'does not have it' : `has ${shown(value)}`;
      fail(`${path}.image.labels[${index}]`, `"${label.name}" is ${shown(label.value)}, but the image ${own}`);
    }
  });
  return found;
}

function completeApp(given: RuntimeApp, image: ComposableImage, path: string, volumes: Volumes, log: Log): RuntimeApp {
  const app: App = given.app ?? image.manifest.app ?? fail(`${path}.app`, 'is required, because the image has none');
  const field = given.app === undefined ? `the app of image ${image.manifest.name}` : `${path}.app.exec`;
  if (app.exec.length === 0 || app.exec[0] === '') fail(field, 'names no executable');
  const wanted = given.mounts.map((mount, index): WantedMount => {
    const at = `${path}.mounts[${index}]`;
    if (mount.appVolume !== undefined && mount.appVolume.name !== mount.volume) {
      fail(`${at}.appVolume.name`, `is ${shown(mount.appVolume.name)}, but the mount is of ${shown(mount.volume)}`);
    }
    const twin = given.mounts.findIndex((other) => other.path === mount.path);
    if (twin !== index) fail(`${at}.path`, `is that of mounts[${twin}] as well`);
    return { ...mount, fail: (reason) => fail(at, reason) };
  });
  return {
    ...given,
    image: { ...given.image, name: image.manifest.name, id: image.id, labels: image.manifest.labels },
    app,
    mounts: composeMounts(given.name, app, wanted, volumes, log),
  };
}

/** A port of the pod is one of an app's, named as there (pods.md, ports). */
function checkPorts({ ports }: PodManifest, apps: readonly RuntimeApp[]): void {
  const known = new Set(apps.flatMap(({ app }) => app?.ports.map(({ name }) => name) ?? []));
  ports.forEach(({ name }, index) => {
    if (!known.has(name)) fail(`ports[${index}].name`, `no app has a port ${shown(name)}`);
  });
}
