/**
 * Every path that rkt uses on disk is built here and nowhere else.
 * The layout and its promises are documented in docs/on-disk-format.md.
 */

/** Data directory unless `--dir` says otherwise. */
export const defaultDataDir = '/var/lib/rkt';

/** Where `--stage1-from-dir` looks unless a paths.d file says otherwise. */
export const defaultStage1Dir = '/usr/lib/rkt/stage1-images';

/** State that must not outlive a boot: sockets, address leases, pinned network namespaces. */
export const runDir = '/run/rkt';

/** Where `rkt metadata-service` takes registrations, as rkt documents it. */
export const metadataSocket = `${runDir}/metadata-svc.sock`;

/**
 * In the run directory while a metadata service runs, which has it locked, or after one was killed. It says whether the address on
 * the loopback link is rkt's to remove. The firewall table that guards the address stays as long.
 */
export const metadataAddressNote = (dir: string = runDir): string => `${dir}/metadata-address`;

/** The link-local address of the metadata service and its URL without a token. */
export const metadataAddress = '169.254.169.255';
/** The port of that address which pods ask, and the one that the service listens on unless told otherwise: pods are led there. */
export const metadataPort = 80;
export const metadataListenPort = 18112;
export const metadataUrl = `http://${metadataAddress}`;

/** Where the network namespaces of pods are pinned, one file per pod, named by the pod's uuid. */
export const netnsDir = `${runDir}/netns`;

/** Where the user namespaces of pods are pinned likewise. */
export const usernsDir = `${runDir}/userns`;

/** Which ids of the host are whose: one file per pod with private users, named by the pod's uuid. */
export const privateUsersDir = `${runDir}/private-users`;

/** Where a network keeps its address leases, one file per address, holding the uuid of the pod. */
export const leaseDir = (network: string): string => `${runDir}/networks/${network}`;

/** Where the metadata service keeps its database. */
export const metadataDbDir = (dataDir: string): string => `${dataDir}/metadata-service`;

export interface ImagePaths {
  readonly root: string;
  /** Images as downloaded, named by the sha512 of their bytes. */
  readonly blobs: string;
  /** One JSON file per image id: what the store knows of it. */
  readonly info: string;
  /** One directory per image name, holding one empty file per image id. */
  readonly names: string;
  /** One extracted root filesystem per image id or layer, and those put together from others. */
  readonly trees: string;
  /** Detached signatures, named by the digest of the blob that they sign. */
  readonly signatures: string;
  /** One JSON file per URL, named by its sha512: which image it led to. */
  readonly remotes: string;
  /** Lock files that keep two processes from doing the same work. */
  readonly locks: string;
  /** Everything unfinished; renamed out of here when complete. */
  readonly tmp: string;
}

export function imagePaths(dataDir: string): ImagePaths {
  const root = `${dataDir}/images`;
  return {
    root,
    blobs: `${root}/blobs`,
    info: `${root}/info`,
    names: `${root}/names`,
    trees: `${root}/trees`,
    signatures: `${root}/signatures`,
    remotes: `${root}/remotes`,
    locks: `${root}/locks`,
    tmp: `${root}/tmp`,
  };
}

/** The directories a pod passes through in its life, in order (docs/pod-lifecycle.md). */
export const podPhases = ['embryo', 'prepare', 'prepared', 'run', 'exited-garbage', 'garbage'] as const;
export type PodPhase = (typeof podPhases)[number];

export const podPhaseDir = (dataDir: string, phase: PodPhase): string => `${dataDir}/pods/${phase}`;
export const podDir = (dataDir: string, phase: PodPhase, uuid: string): string => `${dataDir}/pods/${phase}/${uuid}`;

/** One symbolic link per name that a pod has; it says the pod's uuid and leads nowhere. */
export const podNamesDir = (dataDir: string): string => `${dataDir}/pods/names`;

/** The files inside a pod's directory. `dir` is the result of {@link podDir}. */
export const podFiles = {
  /** The reified pod manifest. */
  manifest: (dir: string): string => `${dir}/pod`,
  /** What was decided when the pod was made and is not in the manifest (runtime/pod/pod-settings.ts). */
  settings: (dir: string): string => `${dir}/settings.json`,
  /** There once every app has started and is ready. */
  ready: (dir: string): string => `${dir}/ready`,
  /** Host PID of the pod's PID 1, as rkt's stage1 interface names it. */
  pid: (dir: string): string => `${dir}/pid`,
  /** Name of the pod's cgroup, relative to each hierarchy's root. */
  cgroup: (dir: string): string => `${dir}/subcgroup`,
  /** What the pod's networks look like, for `list` and teardown. */
  netInfo: (dir: string): string => `${dir}/net-info.json`,
  /** The launch plan that stage1 executes. */
  plan: (dir: string): string => `${dir}/stage1.plan`,
  /** Of a stage1 that is an image: its manifest (it has none: the built-in one), its id, and the ids of its trees, one per line. */
  stage1Manifest: (dir: string): string => `${dir}/stage1/manifest`,
  stage1Image: (dir: string): string => `${dir}/stage1/image`,
  stage1Trees: (dir: string): string => `${dir}/stage1/trees`,
  /** Its root filesystem: a copy, or where the overlay of the other two is mounted, seen by stage1 alone. */
  stage1Root: (dir: string): string => `${dir}/stage1/rootfs`,
  stage1Upper: (dir: string): string => `${dir}/stage1/upper`,
  stage1Work: (dir: string): string => `${dir}/stage1/work`,
  /** Instead of `pid`, by a stage1 image: host PID of the process whose only child is the pod's PID 1. */
  ppid: (dir: string): string => `${dir}/ppid`,
  /** What became of the isolators; missing where there are none but the defaults. */
  isolators: (dir: string): string => `${dir}/isolators.json`,
  /** Exit status per app: a decimal number. */
  statusDir: (dir: string): string => `${dir}/status`,
  status: (dir: string, app: string): string => `${dir}/status/${app}`,
  /** What apps have printed: the file that is written to, and with a number those that were put aside, 1 being the newest. */
  logsDir: (dir: string): string => `${dir}/logs`,
  log: (dir: string, app: string, number = 0): string => `${dir}/logs/${app}.log${number === 0 ? '' : `.${number}`}`,
  /** Directory of the sockets by which one can attach to an app's streams, named by the stream. */
  attachDir: (dir: string, app: string): string => `${dir}/attach/${app}`,
  attachSocket: (dir: string, app: string, stream: string): string => `${dir}/attach/${app}/${stream}`,
  /** Files about one app: its image manifest and, while it runs, the host PID of its main process. */
  appDir: (dir: string, app: string): string => `${dir}/appsinfo/${app}`,
  imageManifest: (dir: string, app: string): string => `${dir}/appsinfo/${app}/manifest`,
  appPid: (dir: string, app: string): string => `${dir}/appsinfo/${app}/pid`,
  /** How often the app has been started again: a decimal number. */
  appRestarts: (dir: string, app: string): string => `${dir}/appsinfo/${app}/restarts`,
  /** How often the app ran into its limits, `NAME=COUNT` per line; missing where it never did. */
  appLimits: (dir: string, app: string): string => `${dir}/appsinfo/${app}/limits`,
  /** Ids of the store's trees that the app's root filesystem is made of, one per line. */
  appTrees: (dir: string, app: string): string => `${dir}/appsinfo/${app}/trees`,
  /** The copy of the image that one app runs on where there is no overlay. */
  rootCopy: (dir: string, app: string): string => `${dir}/rootfs/${app}`,
  /** The writable layer of one app's root filesystem. */
  overlayDir: (dir: string, app: string): string => `${dir}/overlay/${app}`,
  /** Empty volumes live as long as the pod. */
  volume: (dir: string, volume: string): string => `${dir}/volumes/${volume}`,
} as const;
