/** Decides everything that stage1 carries out: from a prepared pod to its launch plan. */

import { native } from '../../native/index.ts';
import { type PodNetwork, teardownSteps } from '../../netns/index.ts';
import type { App, EventName } from '../appc/app.ts';
import type { MountPoint } from '../appc/mount-point.ts';
import type { Mount, PodManifest } from '../appc/pod-manifest.ts';
import type { Volume } from '../appc/volume.ts';
import { leaseDir, podFiles } from '../base/paths.ts';
import { notifySocket, planLife } from './app-life.ts';
import { podScope } from './cgroups.ts';
import type { AppIsolation, PodIsolation } from './isolation/isolate.ts';
import type { LaunchPlan, PlanApp, PlanCgroup, PlanMount, PlanRlimit, PlanTeardown } from './plan.ts';
import type { PreparedApp } from './prepared-app.ts';
import { maskedPaths, readonlyPaths } from './protected-paths.ts';

/** What the user decides about a pod beside its manifest. */
export interface PlanSettings {
  readonly hostname: string | undefined;
  /** `--insecure-options=capabilities` */
  readonly allCapabilities: boolean;
  /** `--insecure-options=paths` */
  readonly openPaths: boolean;
  /** `--insecure-options=seccomp` */
  readonly noSeccomp: boolean;
  /** Soft limit of open files for apps; undefined: rkt's own. */
  readonly openFiles: number | undefined;
  readonly debug: boolean;
  /** `--detach` */
  readonly detached?: boolean;
  /** `--stop-timeout`; absent: stage1's default. */
  readonly stopTimeoutMs?: number;
  /** A program of the host for when the pod is over; the pod's uuid is appended to it. */
  readonly epilogue?: readonly string[];
}

export interface PlanInput {
  readonly pod: { readonly uuid: string; readonly dir: string; readonly lockFd: number };
  readonly manifest: PodManifest;
  readonly isolation: PodIsolation;
  readonly apps: readonly PreparedApp[];
  /** Where the pod's network namespace is pinned; undefined: the host's. */
  readonly netns: string | undefined;
  readonly network: PodNetwork | undefined;
  /** Descriptor of the registration. */
  readonly lease: number | undefined;
  readonly metadataUrl: string;
  readonly settings: PlanSettings;
}

/** RLIMIT_NOFILE of getrlimit(2). */
const openFilesResource = 7;

/** RLIM_INFINITY. */
const unlimited = (1n << 64n) - 1n;

export function buildPlan(input: PlanInput): LaunchPlan {
  const { pod, settings, lease, netns } = input;
  const hostname = settings.hostname ?? `rkt-${pod.uuid}`;
  return {
    uuid: pod.uuid,
    hostname,
    podDir: pod.dir,
    lockFd: pod.lockFd,
    ...(lease === undefined ? {} : { leaseFd: lease }),
    ...(netns === undefined ? {} : { netns }),
    subcgroup: podScope(pod.uuid),
    cgroups: podCgroups(pod.uuid, input.isolation),
    sysctls: input.isolation.sysctls,
    teardown: teardownOf(input),
    apps: input.apps.map((app) => planApp(app, input, hostname)),
    debug: settings.debug,
    ...(settings.detached === undefined ? {} : { detached: settings.detached }),
    ...(settings.stopTimeoutMs === undefined ? {} : { stopTimeoutMs: settings.stopTimeoutMs }),
    ...(settings.epilogue === undefined ? {} : { epilogue: [...settings.epilogue, pod.uuid] }),
  };
}

const podCgroups = (uuid: string, { hierarchies }: PodIsolation): PlanCgroup[] =>
  hierarchies.map(({ hierarchy, settings }) => ({
    dir: `${hierarchy.mount}/${podScope(uuid)}`,
    v2: hierarchy.version === 2,
    ...settings,
  }));

/** What the monitor does about the network when the pod has ended; a bare namespace only has to be unpinned. */
function teardownOf({ netns, network }: PlanInput): PlanTeardown[] {
  if (netns === undefined) return [];
  if (network === undefined) return [{ kind: 'umount', path: netns }];
  const steps = teardownSteps(network, leaseDir('default'));
  return [
    ...steps.unmount.map((path): PlanTeardown => ({ kind: 'umount', path })),
    ...steps.unlink.map((path): PlanTeardown => ({ kind: 'unlink', path })),
  ];
}

function planApp(prepared: PreparedApp, input: PlanInput, hostname: string): PlanApp {
  const { app, name } = prepared;
  const { pod, settings } = input;
  const preStart = handlerOf(app, 'pre-start');
  const postStop = handlerOf(app, 'post-stop');
  const { capsBounding, noNewPrivs, seccomp, oomScoreAdj } = input.isolation.apps.get(name) as AppIsolation;
  const life = planLife(prepared);
  return {
    name,
    root: planRoot(prepared, pod.dir),
    args: app.exec,
    env: {
      ...Object.fromEntries(prepared.environment),
      AC_METADATA_URL: input.metadataUrl,
      ...(life.notify ? { NOTIFY_SOCKET: notifySocket } : {}),
    },
    cwd: app.workingDirectory ?? '/',
    uid: prepared.uid,
    gid: prepared.gid,
    supplementaryGids: app.supplementaryGIDs,
    capsBounding,
    noNewPrivs,
    ...(seccomp === undefined ? {} : { seccomp }),
    rlimits: openFilesLimit(settings.openFiles),
    mounts: prepared.manifest.mounts.map((mount) => planMount(mount, input, app.mountPoints)),
    maskPaths: settings.openPaths ? [] : maskedPaths,
    readonlyPaths: settings.openPaths ? [] : readonlyPaths,
    files: [{ path: '/etc/hosts', mode: 0o644, data: hostsFile(hostname, input.network) }],
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
    ...life,
    ...(preStart === undefined ? {} : { preStart }),
    ...(postStop === undefined ? {} : { postStop }),
  };
}

function planRoot({ name, lowers, copied, manifest }: PreparedApp, podDir: string): PlanApp['root'] {
  const readOnly = manifest.readOnlyRootFS === true;
  if (copied) return { lowers: [podFiles.rootCopy(podDir, name)], inPlace: true, readOnly };
  const overlay = podFiles.overlayDir(podDir, name);
  return { lowers, upper: { dir: `${overlay}/upper`, work: `${overlay}/work` }, readOnly };
}

const handlerOf = (app: App, event: EventName): readonly string[] | undefined =>
  app.eventHandlers.find((handler) => handler.name === event)?.exec;

/** The caller's soft limit below the hard one, which node left as it was. */
function openFilesLimit(soft: number | undefined): PlanRlimit[] {
  if (soft === undefined) return [];
  const { hard } = native.getrlimit(openFilesResource);
  return [{ resource: openFilesResource, soft: BigInt(soft), hard: hard === Infinity ? unlimited : BigInt(hard) }];
}

/** OS-SPEC, Common Files: localhost, and the pod's own name. */
function hostsFile(hostname: string, network: PodNetwork | undefined): string {
  const own = network?.ip ?? '127.0.0.1';
  return `127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n${own} ${hostname}\n`;
}

/** A mount is read-only if its volume is, or if the image's mount point at that path says so. */
function planMount(mount: Mount, { pod, manifest }: PlanInput, points: readonly MountPoint[]): PlanMount {
  const volume = mount.appVolume ?? (manifest.volumes.find(({ name }) => name === mount.volume) as Volume);
  const point = points.find(({ path }) => path === mount.path);
  return {
    source: volume.kind === 'host' ? volume.source : podFiles.volume(pod.dir, volume.name),
    target: mount.path,
    readOnly: volume.readOnly === true || point?.readOnly === true,
    recursive: volume.kind === 'host' && volume.recursive !== false,
  };
}
