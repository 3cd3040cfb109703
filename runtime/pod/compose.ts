/**
 * From what the user asked for to the reified pod manifest (pods.md): every app by image id, every mount point filled,
 * every override applied. Pure: images come in as they lie in the store, nothing is read or written.
 */

import type { Annotation } from '../appc/annotations.ts';
import { type App, checkEnvironmentName, type EnvironmentVariable } from '../appc/app.ts';
import { appNameOfImage, checkACName } from '../appc/identifiers.ts';
import type { ImageId } from '../appc/image-id.ts';
import type { ImageManifest } from '../appc/image-manifest.ts';
import { type Isolator, overrideIsolators } from '../appc/isolators.ts';
import type { PodManifest, RuntimeApp } from '../appc/pod-manifest.ts';
import type { ExposedPort } from '../appc/port.ts';
import type { Volume } from '../appc/volume.ts';
import type { MountOption } from '../appc/volume-option.ts';
import { RktError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { appcVersion } from '../base/version.ts';
import { lifeAnnotations } from '../stage1/app-life.ts';
import { type StreamName, streamAnnotations, streamNames } from '../stage1/app-streams.ts';
import { composeError } from './compose-error.ts';
import { composeMounts, type Volumes, type WantedMount } from './compose-mounts.ts';
import { withoutCommand } from './docker-command.ts';

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
  /** Modes of its standard streams, as `--stdin` and its like take them. */
  readonly streams?: Partial<Record<StreamName, string>>;
  /** Appended; of an image that came from Docker they replace its Cmd. */
  readonly args: readonly string[];
  readonly mounts: readonly MountOption[];
  /** In the place of the image's own that speak about the same things. */
  readonly isolators?: readonly Isolator[];
  /** A name, number or path, instead of what the image says; so are the next three. */
  readonly user?: string;
  readonly group?: string;
  readonly supplementaryGids?: readonly number[];
  /** Absolute. */
  readonly workingDirectory?: string;
  readonly readOnlyRootFs?: boolean;
  /** Environment above that of the pod. */
  readonly environment?: readonly EnvironmentVariable[];
  /** Of the app in the pod. */
  readonly annotations?: readonly Annotation[];
  /** Beside those of the image, and in their place where both have a name. */
  readonly userAnnotations?: Readonly<Record<string, string>>;
  readonly userLabels?: Readonly<Record<string, string>>;
}

export interface PodRequest {
  readonly apps: readonly AppRequest[];
  readonly volumes: readonly Volume[];
  /** Mounts for every app. */
  readonly mounts: readonly MountOption[];
  /** Ports of the host that lead to the pod (`--port`). */
  readonly ports?: readonly ExposedPort[];
  /** Environment below that of the image (`--inherit-env`). */
  readonly inherited: readonly EnvironmentVariable[];
  /** Environment above that of the image (`--set-env-file`, then `--set-env`). */
  readonly explicit: readonly EnvironmentVariable[];
  /** The manifest of the pod where the user gave one: it is complete (see input/given-manifest.ts), and `volumes` are its own. */
  readonly manifest?: PodManifest;
}

/** `NAME=VALUE` as `option` takes it. Errors: EUSAGE. */
export function parseEnvironment(text: string, option = '--set-env'): EnvironmentVariable {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  const reason = equals < 0 ? 'has no "=value"' : checkEnvironmentName(name);
  if (reason !== undefined) {
    throw new RktError(`${option} "${text}": ${equals < 0 ? reason : `the name ${reason}`}`, {
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
  if (request.manifest !== undefined) return request.manifest;
  const volumes: Volumes = new Map();
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
    ports: [...(request.ports ?? [])],
    userAnnotations: {},
    userLabels: {},
  };
}

/** Names of the volumes that nobody asked for: those of mount points without a volume. */
export function implicitVolumes({ volumes }: PodRequest, manifest: PodManifest): ReadonlySet<string> {
  const wanted = new Set(volumes.map(({ name }) => name));
  return new Set(manifest.volumes.map(({ name }) => name).filter((name) => !wanted.has(name)));
}

function requireDistinct(apps: readonly RuntimeApp[]): void {
  const names = new Set<string>();
  for (const { name } of apps) {
    if (names.has(name)) {
      throw composeError(`two apps of the pod are named "${name}"`, 'give one of them another name with --name');
    }
    names.add(name);
  }
}

function composeApp(request: AppRequest, pod: PodRequest, volumes: Volumes, log: Log): RuntimeApp {
  const { manifest, id } = request.image;
  const name = request.name ?? appNameOfImage(manifest.name);
  const reason = checkACName(name);
  if (reason !== undefined) throw composeError(`--name "${name}" ${reason}`);

  const app = withOverrides(manifest, request, pod);
  return {
    name,
    image: { name: manifest.name, id, labels: manifest.labels },
    app,
    mounts: composeMounts(name, app, [...pod.mounts, ...request.mounts].map(wantedMount), volumes, log),
    annotations: annotationsOf(request),
    ...(request.readOnlyRootFs === undefined ? {} : { readOnlyRootFS: request.readOnlyRootFs }),
  };
}

/** Those that the user gave, and what other options come to. */
function annotationsOf({ annotations = [], restart, streams = {} }: AppRequest): Annotation[] {
  const modes = streamNames.flatMap((stream) => {
    const value = streams[stream];
    return value === undefined ? [] : [{ name: streamAnnotations[stream], value }];
  });
  const own = [...(restart === undefined ? [] : [{ name: lifeAnnotations.restart, value: restart }]), ...modes];
  const names = new Set<string>(own.map(({ name }) => name));
  return [...annotations.filter(({ name }) => !names.has(name)), ...own];
}

const wantedMount = ({ volume, target }: MountOption): WantedMount => ({
  volume,
  path: target,
  fail: (reason, hint) => {
    throw composeError(`--mount volume=${volume},target=${target}: ${reason}`, hint);
  },
});

/** The image's app with everything that the user wants otherwise. */
function withOverrides(manifest: ImageManifest, request: AppRequest, pod: PodRequest): App {
  if (manifest.app === undefined && request.exec === undefined) {
    throw composeError(`image ${manifest.name} has no app: it does not say what to execute`, 'say so with --exec');
  }
  const app = manifest.app ?? emptyApp;
  const exec = [...commandOf(manifest, app, request), ...request.args];
  if (exec.length === 0) {
    throw composeError(`image ${manifest.name} names no executable`, 'name one with --exec');
  }
  const { user = app.user, group = app.group, supplementaryGids, workingDirectory } = request;
  return {
    ...app,
    exec,
    user,
    group,
    ...(supplementaryGids === undefined ? {} : { supplementaryGIDs: [...supplementaryGids] }),
    ...(workingDirectory === undefined ? {} : { workingDirectory }),
    environment: environmentOf(app, request, pod),
    isolators: overrideIsolators(app.isolators, request.isolators ?? []),
    userAnnotations: { ...app.userAnnotations, ...request.userAnnotations },
    userLabels: { ...app.userLabels, ...request.userLabels },
  };
}

/** What the arguments are appended to. */
function commandOf(manifest: ImageManifest, app: App, { exec, args }: AppRequest): readonly string[] {
  if (exec !== undefined) return [exec];
  return args.length === 0 ? app.exec : withoutCommand(manifest.annotations, app.exec, args);
}

/** Later ones replace earlier ones (rkt's documentation of run, "Influencing Environment Variables"). */
function environmentOf(app: App, request: AppRequest, pod: PodRequest): EnvironmentVariable[] {
  const all = [...pod.inherited, ...app.environment, ...pod.explicit, ...(request.environment ?? [])];
  return [...new Map(all.map(({ name, value }) => [name, value]))].map(([name, value]) => ({ name, value }));
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
