/** Decides everything that stage1 carries out: from a prepared pod to its launch plan. */

import { native } from '../../native/index.ts';
import { type PodNetwork, portsFarewell, teardownSteps } from '../../netns/index.ts';
import type { App, EventName } from '../appc/app.ts';
import type { PodManifest } from '../appc/pod-manifest.ts';
import { listenVariables } from '../base/listen-fds.ts';
import { normalizedPath } from '../base/normalized-path.ts';
import { leaseDir, podFiles } from '../base/paths.ts';
import { notifySocket, planLife } from './app-life.ts';
import { planStreamsOf } from './app-streams.ts';
import { type CgroupHierarchy, devicesHierarchy, podGroup, podScope } from './cgroups.ts';
import { deviceLimits } from './device-limits.ts';
import { carriesOut } from './isolation/cgroup-settings.ts';
import type { AppIsolation, IsolationChoices, PodIsolation } from './isolation/isolate.ts';
import { askedFor, type NamedPod, type NameSettings, nameFiles } from './name-files.ts';
import type {
  CgroupCounter,
  LaunchPlan,
  PlanApp,
  PlanCgroup,
  PlanFile,
  PlanRlimit,
  PlanSocket,
  PlanTeardown,
} from './plan.ts';
import type { PreparedApp } from './prepared-app.ts';
import { maskedPaths, readonlyPaths } from './protected-paths.ts';
import { callerTerminalType, type StreamName } from './terminals.ts';
import { planMounts } from './volume-mounts.ts';

/** What the user decides about a pod beside its manifest. */
export interface PlanSettings extends IsolationChoices {
  readonly hostname: string | undefined;
  /** `--insecure-options=paths` */
  readonly openPaths: boolean;
  /** How apps look up names; undefined: nobody said anything. */
  readonly names?: NameSettings;
  /** Whether the pod shares the IPC namespace of its caller. */
  readonly hostIpc?: boolean;
  /** The value of `--ipc`, where it is not `auto`, for a stage1 that is an image. */
  readonly ipc?: string;
  /** Soft limit of open files for apps; undefined: rkt's own. */
  readonly openFiles: number | undefined;
  readonly debug: boolean;
  /** `--detach` */
  readonly detached?: boolean;
  /** `--ready-timeout`: see the plan. */
  readonly readyTimeoutMs?: number;
  /** `--prefix`; absent: `auto`, which means in pods of several apps. */
  readonly prefix?: 'auto' | 'always' | 'never';
  /** `--log-opt`: see the plan. */
  readonly logSize?: number;
  readonly logFiles?: number;
  /** `--stop-timeout`; absent: stage1's default. */
  readonly stopTimeoutMs?: number;
  /** A program of the host for when the pod is over; the pod's uuid is appended to it. */
  readonly epilogue?: readonly string[];
  /** `--interactive`: the standard streams of the caller that are terminals, in whose place the app gets one of its own. */
  readonly terminals?: readonly StreamName[];
}

/** By app, the sockets that it is activated by. */
export type AppSockets = ReadonlyMap<string, readonly PlanSocket[]>;

export interface PlanInput {
  readonly pod: { readonly uuid: string; readonly dir: string; readonly lockFd: number };
  readonly manifest: PodManifest;
  readonly isolation: PodIsolation;
  readonly apps: readonly PreparedApp[];
  readonly sockets: AppSockets;
  /** Where the pod's network namespace is pinned; undefined: the host's. */
  readonly netns: string | undefined;
  readonly network: PodNetwork | undefined;
  /** Descriptor of the registration. */
  readonly lease: number | undefined;
  readonly metadataUrl: string;
  /** Layers of a stage1 that is an image. */
  readonly stage1: LaunchPlan['stage1'];
  readonly userNamespace: LaunchPlan['userNamespace'];
  readonly settings: PlanSettings;
}

/** RLIMIT_NOFILE of getrlimit(2). */
const openFilesResource = 7;

/** RLIM_INFINITY. */
const unlimited = (1n << 64n) - 1n;

export function buildPlan(input: PlanInput): LaunchPlan {
  const { pod, settings, lease, netns } = input;
  const hostname = settings.hostname ?? `rkt-${pod.uuid}`;
  const { cgroups, deviceFilters } = confine(input);
  const files = nameFiles(settings.names ?? {}, { hostname, ...networkOf(input) });
  return {
    uuid: pod.uuid,
    hostname,
    podDir: pod.dir,
    lockFd: pod.lockFd,
    ...(lease === undefined ? {} : { leaseFd: lease }),
    ...(netns === undefined ? {} : { netns }),
    subcgroup: subcgroupOf(input),
    cgroups,
    sysctls: input.isolation.sysctls,
    teardown: teardownOf(input),
    ...farewellOf(input),
    apps: input.apps.map((app) => planApp(app, input, files, deviceFilters.get(app.name))),
    debug: settings.debug,
    hostIpc: settings.hostIpc === true,
    ...(settings.detached === undefined ? {} : { detached: settings.detached }),
    ...(settings.readyTimeoutMs === undefined ? {} : { readyTimeoutMs: settings.readyTimeoutMs }),
    ...planOutput(settings, input.apps.length),
    ...(settings.stopTimeoutMs === undefined ? {} : { stopTimeoutMs: settings.stopTimeoutMs }),
    ...(settings.epilogue === undefined ? {} : { epilogue: [...settings.epilogue, pod.uuid] }),
    ...(input.userNamespace === undefined ? {} : { userNamespace: input.userNamespace }),
    ...(input.stage1 === undefined ? {} : { stage1: input.stage1 }),
  };
}

/** The same in all hierarchies: there is one alone where it is not at the top. */
function subcgroupOf({ pod: { uuid }, isolation }: PlanInput): string {
  const [first] = isolation.hierarchies;
  return first === undefined ? podScope(uuid) : podGroup(first.hierarchy, uuid);
}

interface Confinement {
  readonly cgroups: readonly PlanCgroup[];
  readonly deviceFilters: ReadonlyMap<string, Uint8Array>;
}

/** The pod's groups; it is in one of the devices hierarchy only if that has something to do. */
function confine({ pod: { uuid }, apps, manifest, isolation }: PlanInput): Confinement {
  const scope = podScope(uuid);
  const groups = isolation.hierarchies.map(({ hierarchy, settings }) => ({
    dir: `${hierarchy.mount}/${podGroup(hierarchy, uuid)}`,
    v2: hierarchy.version === 2,
    counters: countersOf(hierarchy),
    ...settings,
  }));
  let devices: string | undefined;
  const limits = deviceLimits(apps, manifest, () => {
    devices = devicesHierarchy();
    return { controller: devices !== undefined, unified: groups.some(({ v2 }) => v2) };
  });
  return {
    cgroups: devices === undefined ? groups : [...groups, { dir: `${devices}/${scope}`, writes: limits?.writes ?? [] }],
    deviceFilters: limits?.filters ?? new Map(),
  };
}

function countersOf(hierarchy: CgroupHierarchy): CgroupCounter[] {
  const counters: CgroupCounter[] = [];
  if (carriesOut(hierarchy, 'memory')) counters.push('oom-kills');
  if (carriesOut(hierarchy, 'pids')) counters.push('refused-forks');
  return counters;
}

/** Forwarded ports are freed by the monitor, and by nobody later: they may be another pod's then. */
function farewellOf({ network }: PlanInput): { netfilter?: Uint8Array } {
  const netfilter = portsFarewell(network);
  return netfilter === undefined ? {} : { netfilter };
}

function planOutput(settings: PlanSettings, apps: number): Pick<LaunchPlan, 'prefixLines' | 'logSize' | 'logFiles'> {
  const { prefix = 'auto', logSize, logFiles } = settings;
  return {
    prefixLines: prefix === 'always' || (prefix === 'auto' && apps > 1),
    ...(logSize === undefined ? {} : { logSize }),
    ...(logFiles === undefined ? {} : { logFiles }),
  };
}

/** What the monitor does about the namespaces when the pod has ended; bare ones only have to be unpinned. */
function teardownOf({ netns, network, userNamespace }: PlanInput): PlanTeardown[] {
  const users: PlanTeardown[] = userNamespace === undefined ? [] : [{ kind: 'umount', path: userNamespace.path }];
  if (netns === undefined) return users;
  if (network === undefined) return [{ kind: 'umount', path: netns }, ...users];
  const steps = teardownSteps(network, leaseDir('default'));
  return [
    ...steps.unmount.map((path): PlanTeardown => ({ kind: 'umount', path })),
    ...steps.unlink.map((path): PlanTeardown => ({ kind: 'unlink', path })),
    ...users,
  ];
}

function planApp(
  prepared: PreparedApp,
  input: PlanInput,
  files: readonly PlanFile[],
  deviceFilter: Uint8Array | undefined,
): PlanApp {
  const { app, name } = prepared;
  const { pod, settings } = input;
  const preStart = handlerOf(app, 'pre-start');
  const postStop = handlerOf(app, 'post-stop');
  const { capsBounding, noNewPrivs, seccomp, oomScoreAdj } = input.isolation.apps.get(name) as AppIsolation;
  const life = planLife(prepared);
  const sockets = input.sockets.get(name);
  return {
    name,
    root: planRoot(prepared, pod.dir),
    args: app.exec,
    env: {
      ...Object.fromEntries(sockets === undefined ? prepared.environment : withoutListenFds(prepared.environment)),
      ...typeOfTerminal(prepared, settings.terminals ?? []),
      AC_METADATA_URL: input.metadataUrl,
      ...(life.notify ? { NOTIFY_SOCKET: notifySocket } : {}),
    },
    cwd: app.workingDirectory ?? '/',
    uid: prepared.uid,
    gid: prepared.gid,
    supplementaryGids: prepared.supplementaryGids,
    capsBounding,
    noNewPrivs,
    ...(seccomp === undefined ? {} : { seccomp }),
    rlimits: openFilesLimit(settings.openFiles),
    mounts: planMounts(prepared, input.manifest, pod.dir, askedFor(settings.names ?? {})),
    maskPaths: settings.openPaths ? [] : maskedPaths,
    readonlyPaths: settings.openPaths ? [] : readonlyPaths,
    directories: ownWorkingDirectory(prepared),
    files,
    ...(deviceFilter === undefined ? {} : { deviceFilter }),
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
    ...life,
    ...planStreamsOf(prepared, input.apps.length === 1),
    ...planTerminal(settings.terminals ?? []),
    ...(sockets === undefined ? {} : { sockets }),
    ...(preStart === undefined ? {} : { preStart }),
    ...(postStop === undefined ? {} : { postStop }),
  };
}

/** stage1 sets them, when it is known which process the app will be. */
const withoutListenFds = (environment: ReadonlyMap<string, string>): [string, string][] =>
  [...environment].filter(([name]) => !listenVariables.some((variable) => variable === name));

/** That of the caller's, which no image can know. A type that is not the image's is what the user wants. */
function typeOfTerminal({ environment, image }: PreparedApp, streams: readonly StreamName[]): { TERM?: string } {
  const ofImage = image.manifest.app?.environment.find(({ name }) => name === 'TERM')?.value;
  return streams.length > 0 && environment.get('TERM') === ofImage ? callerTerminalType() : {};
}

/** What the app would have of the caller's terminal, it has of a terminal that is relayed to that. */
function planTerminal(streams: readonly StreamName[]): Partial<PlanApp> {
  if (streams.length === 0) return {};
  return { ...Object.fromEntries(streams.map((stream) => [stream, 'terminal'])), interactive: true };
}

function planRoot({ name, lowers, copied, manifest }: PreparedApp, podDir: string): PlanApp['root'] {
  const readOnly = manifest.readOnlyRootFS === true;
  if (copied) return { lowers: [podFiles.rootCopy(podDir, name)], inPlace: true, readOnly };
  const overlay = podFiles.overlayDir(podDir, name);
  return { lowers, upper: { dir: `${overlay}/upper`, work: `${overlay}/work` }, readOnly };
}

/**
 * The image's own working directory is made where the image lacks it, as Docker makes it. One that the user names must be
 * there: it may be a slip of the pen.
 */
function ownWorkingDirectory({ app, image }: PreparedApp): string[] {
  const own = image.manifest.app?.workingDirectory;
  return own === undefined || own !== app.workingDirectory || own === '/' ? [] : [normalizedPath(own)];
}

function networkOf({ netns, network }: PlanInput): Pick<NamedPod, 'network' | 'ip'> {
  if (netns === undefined) return { network: 'host', ip: undefined };
  return { network: network === undefined ? 'none' : 'private', ip: network?.ip };
}

const handlerOf = (app: App, event: EventName): readonly string[] | undefined =>
  app.eventHandlers.find((handler) => handler.name === event)?.exec;

/** The caller's soft limit below the hard one, which node left as it was. */
function openFilesLimit(soft: number | undefined): PlanRlimit[] {
  if (soft === undefined) return [];
  const { hard } = native.getrlimit(openFilesResource);
  return [{ resource: openFilesResource, soft: BigInt(soft), hard: hard === Infinity ? unlimited : BigInt(hard) }];
}
