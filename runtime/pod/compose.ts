/**
 * From what the user asked for to the reified pod manifest (pods.md): every app by image id, every mount point filled,
 * every override applied. Pure: images come in as they lie in the store, nothing is read or written.
 */

import { type App, checkEnvironmentName, type EnvironmentVariable } from '../appc/app.ts';
import { appNameOfImage, checkACName } from '../appc/identifiers.ts';
import type { ImageId } from '../appc/image-id.ts';
import type { ImageManifest } from '../appc/image-manifest.ts';
import { type Isolator, overrideIsolators } from '../appc/isolators.ts';
import type { Mount, PodManifest, RuntimeApp } from '../appc/pod-manifest.ts';
import { emptyVolumeDefaults, type Volume } from '../appc/volume.ts';
import type { MountOption } from '../appc/volume-option.ts';
import { RktError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { appcVersion } from '../base/version.ts';
import { lifeAnnotations } from '../stage1/app-life.ts';

/** An image of the store, as far as a manifest needs it. */
export interface ComposableImage {
  readonly id: ImageId;
  readonly manifest: ImageManifest;
}

export interface AppRequest {
  readonly image: ComposableImage;
  /** Instead of the last component of the image's name. */
  readonly name?: string;
  /** Instead of the image's own executable and arguments. */
  readonly exec?: string;
  /** When it is started again, as `--restart` takes it. */
  readonly restart?: string;
  /** Appended. */
  readonly args: readonly string[];
  readonly mounts: readonly MountOption[];
  /** In the place of the image's own that speak about the same things. */
  readonly isolators?: readonly Isolator[];
}

export interface PodRequest {
  readonly apps: readonly AppRequest[];
  readonly volumes: readonly Volume[];
  /** Mounts for every app. */
  readonly mounts: readonly MountOption[];
  /** Environment below that of the image (`--inherit-env`). */
  readonly inherited: readonly EnvironmentVariable[];
  /** Environment above that of the image (`--set-env`). */
  readonly explicit: readonly EnvironmentVariable[];
}

/** `NAME=VALUE` as `--set-env` takes it. Errors: EUSAGE. */
export function parseEnvironment(text: string): EnvironmentVariable {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  const reason = equals < 0 ? 'has no "=value"' : checkEnvironmentName(name);
  if (reason !== undefined) {
    throw new RktError(`--set-env "${text}": ${equals < 0 ? reason : `the name ${reason}`}`, {
      code: 'EUSAGE',
      hint: 'write NAME=VALUE',
    });
  }
  return { name, value: text.slice(equals + 1) };
}

/**
 * The manifest of the pod. Errors: ECOMPOSE naming the app, where two apps have one name, an image has nothing to execute,
 * a mount names no volume, or two mounts overlap.
 */
export function composePod(request: PodRequest, log: Log): PodManifest {
  const volumes = new Map<string, Volume>();
  for (const volume of request.volumes) {
    if (volumes.has(volume.name)) throw composeError(`--volume "${volume.name}" is given twice`);
    volumes.set(volume.name, volume);
  }
  const apps = request.apps.map((app) => composeApp(app, request, volumes, log));
  requireDistinct(apps);
  return {
    acVersion: appcVersion,
    acKind: 'PodManifest',
    apps,
    volumes: [...volumes.values()],
    isolators: [],
    annotations: [],
    ports: [],
    userAnnotations: {},
    userLabels: {},
  };
}

const composeError = (message: string, hint?: string): RktError =>
  new RktError(message, hint === undefined ? { code: 'ECOMPOSE' } : { code: 'ECOMPOSE', hint });

function requireDistinct(apps: readonly RuntimeApp[]): void {
  const names = new Set<string>();
  for (const { name } of apps) {
    if (names.has(name)) {
      throw composeError(`two apps of the pod are named "${name}"`, 'give one of them another name with --name');
    }
    names.add(name);
  }
}

function composeApp(request: AppRequest, pod: PodRequest, volumes: Map<string, Volume>, log: Log): RuntimeApp {
  const { manifest, id } = request.image;
  const name = request.name ?? appNameOfImage(manifest.name);
  const reason = checkACName(name);
  if (reason !== undefined) throw composeError(`--name "${name}" ${reason}`);

  const app = withOverrides(manifest, request, pod);
  return {
    name,
    image: { name: manifest.name, id, labels: manifest.labels },
    app,
    mounts: composeMounts(name, app, [...pod.mounts, ...request.mounts], volumes, log),
    annotations: request.restart === undefined ? [] : [{ name: lifeAnnotations.restart, value: request.restart }],
  };
}

/** The image's app with the executable, arguments and environment that the user wants. */
function withOverrides(manifest: ImageManifest, request: AppRequest, pod: PodRequest): App {
  if (manifest.app === undefined && request.exec === undefined) {
    throw composeError(`image ${manifest.name} has no app: it does not say what to execute`, 'say so with --exec');
  }
  const app = manifest.app ?? emptyApp;
  const own = request.exec === undefined ? app.exec : [request.exec];
  const exec = [...own, ...request.args];
  if (exec.length === 0) {
    throw composeError(`image ${manifest.name} names no executable`, 'name one with --exec');
  }
  const environment = new Map<string, string>();
  for (const { name, value } of [...pod.inherited, ...app.environment, ...pod.explicit]) environment.set(name, value);
  return {
    ...app,
    exec,
    environment: [...environment].map(([name, value]) => ({ name, value })),
    isolators: overrideIsolators(app.isolators, request.isolators ?? []),
  };
}

const emptyApp: App = {
  exec: [],
  user: '0',
  group: '0',
  supplementaryGIDs: [],
  eventHandlers: [],
  environment: [],
  isolators: [],
  mountPoints: [],
  ports: [],
  userAnnotations: {},
  userLabels: {},
};

/**
 * Mounts of the user stand for themselves and take the place of a mount point with the same path. A mount point is filled by
 * the volume of its name, or by a new empty one (rkt's documentation of run, "Mount Volumes into a Pod").
 */
function composeMounts(
  app: string,
  { mountPoints }: App,
  options: readonly MountOption[],
  volumes: Map<string, Volume>,
  log: Log,
): Mount[] {
  const mounts = new Map<string, Mount>();
  for (const { volume, target } of options) {
    if (!volumes.has(volume)) {
      throw composeError(`--mount volume=${volume},target=${target}: there is no volume "${volume}"`, 'add a --volume');
    }
    const path = normalized(target);
    if (path === '/')
      throw composeError(`--mount volume=${volume},target=/: a volume cannot replace the root filesystem`);
    mounts.set(path, { volume, path });
  }
  for (const point of mountPoints) {
    const path = normalized(point.path);
    if (mounts.has(path)) continue;
    const volume = volumes.get(point.name) ?? implicitVolume(app, point.name, volumes, log);
    mounts.set(path, { volume: volume.name, path });
  }
  refuseOverlaps(app, [...mounts.keys()]);
  return [...mounts.values()];
}

function implicitVolume(app: string, point: string, volumes: Map<string, Volume>, log: Log): Volume {
  const volume: Volume = { name: `${app}-${point}`, kind: 'empty', ...emptyVolumeDefaults };
  log.warn(`app "${app}": no volume for mount point "${point}": using an empty one`);
  volumes.set(volume.name, volume);
  return volume;
}

/** Without `.`, `..` and repeated slashes; the result never leaves the root. */
function normalized(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** A mount below another mount depends on the order of both, which a manifest does not promise (ace.md, Volume Setup). */
function refuseOverlaps(app: string, paths: readonly string[]): void {
  const sorted = [...paths].sort();
  for (const outer of sorted) {
    const inner = sorted.find((path) => path.startsWith(`${outer}/`));
    if (inner !== undefined) {
      throw composeError(`app "${app}": the mounts at ${outer} and ${inner} overlap`, 'mount them side by side');
    }
  }
}
