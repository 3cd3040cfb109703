/**
 * The launch plan: everything that was decided about a pod, for the static stage1 executables to carry out. Pure: this
 * encodes, `native/src/stage1/plan.c` reads and refuses what makes no sense. The format is docs/launch-plan.md.
 */

import { posix } from 'node:path';
import { RktError } from '../base/errors.ts';
import { planTags as tag } from './plan-tags.ts';
import { PlanWriter } from './plan-writer.ts';

/** A plan is at most this long; stage1 refuses longer ones. */
export const maxPlanSize = 4 * 1024 * 1024;

/** The pod's group in one cgroup hierarchy. */
export interface PlanCgroup {
  /** Absolute path of the pod's group. stage1 makes it with its parents, and removes it (not the parents) at the end. */
  readonly dir: string;
  /** The unified hierarchy. */
  readonly v2?: boolean;
  /** Settings in order: `[file, value]`. `file` is of the pod's group, or `<app>/<file>` of an app's. */
  readonly writes?: readonly (readonly [file: string, value: string])[];
  /** The same, after all of those: a missing file or device is passed over. */
  readonly tries?: readonly (readonly [file: string, value: string])[];
  /** What the groups of apps count here that is asked when one has ended. */
  readonly counters?: readonly CgroupCounter[];
}

/** Processes that the kernel killed for memory, and those that it would not start. */
export type CgroupCounter = 'oom-kills' | 'refused-forks';

const counterBits: Readonly<Record<CgroupCounter, number>> = { 'oom-kills': 1, 'refused-forks': 2 };

/** What to do once the pod has ended and the lease is closed. */
export type PlanTeardown =
  | { readonly kind: 'umount'; readonly path: string }
  | { readonly kind: 'unlink'; readonly path: string };

export interface PlanMount {
  /** A path of the host without symbolic links in it. A file or a directory. */
  readonly source: string;
  /** A path of the app, without `.` and `..` components; made where missing. */
  readonly target: string;
  readonly readOnly?: boolean;
  /** With the mounts below the source. */
  readonly recursive?: boolean;
  /** Device nodes below it can be opened. */
  readonly devices?: boolean;
  /** Where the pod has users of its own, the ids of the files are theirs. */
  readonly shifted?: boolean;
}

/** When a file takes the place of what the image has there: numbers of `enum plan_file_replace` in plan.h. */
export const planReplaces = { never: 0, always: 1, 'if-empty': 2 } as const;

/** A file made in the root filesystem, below volumes. */
export interface PlanFile {
  readonly path: string;
  readonly mode: number;
  readonly data: string | Uint8Array;
  /** Default `never`: what is there stays. */
  readonly replace?: keyof typeof planReplaces;
}

export interface PlanRlimit {
  /** RLIMIT_* number. */
  readonly resource: number;
  readonly soft: bigint;
  readonly hard: bigint;
}

/** Where one of the app's standard streams leads: numbers of `enum plan_stream` in plan.h. */
export const planStreams = { pod: 0, null: 1, attachable: 2, terminal: 3 } as const;
export type PlanStream = keyof typeof planStreams;

/** When stage1 starts an app again: numbers of `enum plan_restart` in plan.h. */
export const planRestarts = { no: 0, 'on-failure': 1, always: 2 } as const;
export interface PlanRestart {
  readonly policy: keyof typeof planRestarts;
  /** How many times at most; absent or 0: as often as it takes. */
  readonly limit?: number;
}

/** What stage1 opens a socket for: numbers of `enum plan_socket_open` in plan.h. */
export const planSocketOpens = { tcp: 1, udp: 2 } as const;

/** A socket that an app is activated by (sd_listen_fds(3)): one that is there, or that is opened in the pod's network. */
export type PlanSocket = {
  /** Its part of LISTEN_FDNAMES. */
  readonly name: string;
} & (
  | {
      /** An open descriptor of the process that becomes stage1, inherited by it. */
      readonly fd: number;
    }
  | {
      /** At every address. */
      readonly open: keyof typeof planSocketOpens;
      readonly port: number;
    }
);

export interface PlanApp {
  readonly name: string;
  readonly root: {
    /** Overlay lower directories, topmost first; at least one. */
    readonly lowers: readonly string[];
    /** The writable layer; without it the root filesystem is read-only and nothing can be made in it. */
    readonly upper?: { readonly dir: string; readonly work: string };
    /** The only lower directory is the app's own: it is the root filesystem itself, writable. */
    readonly inPlace?: boolean;
    /** Read-only for the app, although stage1 makes directories and files in the writable layer. */
    readonly readOnly?: boolean;
  };
  /** The first names the executable. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
  readonly supplementaryGids?: readonly number[];
  /** Bit N is capability N. */
  readonly capsBounding: bigint;
  readonly noNewPrivs?: boolean;
  readonly rlimits?: readonly PlanRlimit[];
  readonly mounts?: readonly PlanMount[];
  /** Made inaccessible; ignored where missing. */
  readonly maskPaths?: readonly string[];
  /** Made read-only; ignored where missing. */
  readonly readonlyPaths?: readonly string[];
  /** Made where missing, below volumes: 0755, root. */
  readonly directories?: readonly string[];
  readonly files?: readonly PlanFile[];
  readonly preStart?: readonly string[];
  readonly postStop?: readonly string[];
  /** An array of `struct sock_filter`. */
  readonly seccomp?: Uint8Array;
  /** Which devices it may open, on the unified hierarchy: an array of `struct bpf_insn`. */
  readonly deviceFilter?: Uint8Array;
  readonly oomScoreAdj?: number;
  readonly umask?: number;
  /** Default `pod`: the monitor's own; output goes to the log as well. */
  readonly stdin?: PlanStream;
  readonly stdout?: PlanStream;
  readonly stderr?: PlanStream;
  /** Its terminal is relayed to the monitor's own streams, in the place of those that are `terminal`. */
  readonly interactive?: boolean;
  readonly restart?: PlanRestart;
  /** It says by sd_notify(3) when it is ready; otherwise it is once it has been executed. */
  readonly notify?: boolean;
  /** The number of the signal that it gets where the pod gets SIGTERM; default SIGTERM. */
  readonly stopSignal?: number;
  /** Its descriptors from 3 on. LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES are set with them, and must not be in `env`. */
  readonly sockets?: readonly PlanSocket[];
}

export interface LaunchPlan {
  readonly uuid: string;
  readonly hostname: string;
  readonly podDir: string;
  /** Held open, with the lock on it, until the monitor ends. */
  readonly lockFd: number;
  /** The connection of the registration; closed when the pod has ended. */
  readonly leaseFd?: number;
  /** The network namespace to join; absent: the host's. */
  readonly netns?: string;
  /** Between SIGTERM and SIGKILL; default 10000. */
  readonly stopTimeoutMs?: number;
  readonly cgroups?: readonly PlanCgroup[];
  /**
   * What the file `subcgroup` says: the pod's group relative to the root of its hierarchy. Default: the last component of the
   * first of `cgroups`.
   */
  readonly subcgroup?: string;
  readonly teardown?: readonly PlanTeardown[];
  /** A datagram for netfilter, sent before `teardown` by the monitor only. */
  readonly netfilter?: Uint8Array;
  readonly apps: readonly PlanApp[];
  readonly debug?: boolean;
  readonly hostIpc?: boolean;
  /** Every line of output on the monitor's streams begins with the app's name and process. */
  readonly prefixLines?: boolean;
  /** The pod is in the background: nothing goes to the monitor's streams. */
  readonly detached?: boolean;
  /** Gets one byte when every app has started and is ready; closed without one if that fails. */
  readonly readyFd?: number;
  /** A pod in the background that is not ready within so many milliseconds is stopped; absent or 0: it may take as long as it takes. */
  readonly readyTimeoutMs?: number;
  /** A log file that would become longer than so many bytes is put aside; 0: never. Default 10 MiB. */
  readonly logSize?: number;
  /** How many log files put aside are kept of every stream. Default 3. */
  readonly logFiles?: number;
  /** A program of the host that the monitor runs when everything else is done and the lock is free. */
  readonly epilogue?: readonly string[];
  /** The user namespace of the apps, pinned at `path`: their ids are those of the host from `shift` on. */
  readonly userNamespace?: { readonly path: string; readonly shift: number; readonly range: number };
  /** The root filesystem of a stage1 that is an image; its layers are those of an app. Absent: the built-in one. */
  readonly stage1?: Pick<PlanApp['root'], 'lowers' | 'upper' | 'inPlace'>;
  /** Kernel parameters of the pod's namespaces. */
  readonly sysctls?: Readonly<Record<string, string>>;
}

const magic = Buffer.from('RKTPLAN1');

/**
 * Encodes a plan as the bytes of `stage1.plan`.
 *
 * @throws RktError (EPLAN) for a string with a NUL byte and for a plan that is too long. Everything else that is wrong
 *   with a plan is found by stage1 before it does anything.
 */
export function encodePlan(plan: LaunchPlan): Buffer {
  const out = new PlanWriter();
  out.raw(magic);
  out.raw(new Uint8Array(4));
  writePod(out, plan);
  if (out.length > maxPlanSize) {
    throw new RktError(`the launch plan of pod ${plan.uuid} is ${out.length} bytes long; the limit is ${maxPlanSize}`, {
      code: 'EPLAN',
      hint: 'Pass large environment variables and arguments in a file on a volume instead.',
    });
  }
  out.setU32(8, out.length - 12);
  return out.finish();
}

function writePod(out: PlanWriter, plan: LaunchPlan): void {
  text(out, tag.UUID, plan.uuid);
  text(out, tag.HOSTNAME, plan.hostname);
  text(out, tag.POD_DIR, plan.podDir);
  out.u32(tag.LOCK_FD, plan.lockFd);
  if (plan.leaseFd !== undefined) out.u32(tag.LEASE_FD, plan.leaseFd);
  if (plan.netns !== undefined) text(out, tag.NETNS, plan.netns);
  if (plan.stopTimeoutMs !== undefined) out.u32(tag.STOP_TIMEOUT_MS, plan.stopTimeoutMs);
  const flags = (plan.debug ? 1 : 0) | (plan.hostIpc ? 2 : 0) | (plan.prefixLines ? 4 : 0) | (plan.detached ? 8 : 0);
  if (flags !== 0) out.u32(tag.FLAGS, flags);
  for (const [key, value] of Object.entries(plan.sysctls ?? {})) text(out, tag.SYSCTL, `${key}=${value}`);
  const subcgroup = plan.subcgroup ?? (plan.cgroups?.[0] && posix.basename(plan.cgroups[0].dir));
  if (subcgroup !== undefined) text(out, tag.SUBCGROUP, subcgroup);
  for (const cgroup of plan.cgroups ?? []) out.group(tag.CGROUP, () => writeCgroup(out, cgroup));
  for (const step of plan.teardown ?? []) out.group(tag.TEARDOWN, () => writeTeardown(out, step));
  if (plan.netfilter !== undefined) out.bytes(tag.NETFILTER, plan.netfilter);
  if (plan.readyFd !== undefined) out.u32(tag.READY_FD, plan.readyFd);
  if (plan.readyTimeoutMs !== undefined) out.u32(tag.READY_TIMEOUT_MS, plan.readyTimeoutMs);
  if (plan.logSize !== undefined) out.u64(tag.LOG_SIZE, BigInt(plan.logSize));
  if (plan.logFiles !== undefined) out.u32(tag.LOG_FILES, plan.logFiles);
  if (plan.epilogue !== undefined) writeCommand(out, tag.EPILOGUE, plan.epilogue);
  const { userNamespace } = plan;
  if (userNamespace !== undefined) {
    out.group(tag.USERNS, () => {
      out.u32(tag.USERNS_SHIFT, userNamespace.shift);
      out.u32(tag.USERNS_RANGE, userNamespace.range);
      text(out, tag.USERNS_PATH, userNamespace.path);
    });
  }
  const { stage1 } = plan;
  if (stage1 !== undefined) out.group(tag.STAGE1, () => writeLayers(out, stage1));
  for (const app of plan.apps) out.group(tag.APP, () => writeApp(out, app));
}

function writeCgroup(out: PlanWriter, cgroup: PlanCgroup): void {
  text(out, tag.CGROUP_DIR, cgroup.dir);
  if (cgroup.v2) out.u32(tag.CGROUP_V2, 1);
  for (const [file, value] of cgroup.writes ?? []) text(out, tag.CGROUP_WRITE, `${file}=${value}`);
  for (const [file, value] of cgroup.tries ?? []) text(out, tag.CGROUP_TRY, `${file}=${value}`);
  const counters = (cgroup.counters ?? []).reduce((bits, counter) => bits | counterBits[counter], 0);
  if (counters !== 0) out.u32(tag.CGROUP_COUNTERS, counters);
}

function writeTeardown(out: PlanWriter, step: PlanTeardown): void {
  switch (step.kind) {
    case 'umount':
      text(out, tag.TEARDOWN_UMOUNT, step.path);
      break;
    case 'unlink':
      text(out, tag.TEARDOWN_UNLINK, step.path);
      break;
  }
}

function writeApp(out: PlanWriter, app: PlanApp): void {
  text(out, tag.APP_NAME, app.name);
  writeLayers(out, app.root);
  if (app.root.readOnly) out.u32(tag.ROOT_READONLY, 1);
  texts(out, tag.ARG, app.args);
  for (const [name, value] of Object.entries(app.env)) text(out, tag.ENV, `${name}=${value}`);
  text(out, tag.CWD, app.cwd);
  writeIdentity(out, app);
  writeFilesystem(out, app);
  writeLife(out, app);
  if (app.preStart !== undefined) writeCommand(out, tag.PRE_START, app.preStart);
  if (app.postStop !== undefined) writeCommand(out, tag.POST_STOP, app.postStop);
}

function writeLayers(out: PlanWriter, { lowers, upper, inPlace }: PlanApp['root']): void {
  texts(out, tag.ROOT_LOWER, lowers);
  if (upper !== undefined) {
    text(out, tag.ROOT_UPPER, upper.dir);
    text(out, tag.ROOT_WORK, upper.work);
  }
  if (inPlace) out.u32(tag.ROOT_IN_PLACE, 1);
}

function writeLife(
  out: PlanWriter,
  { stdin, stdout, stderr, restart, notify, stopSignal, interactive, sockets }: PlanApp,
): void {
  if (stdin !== undefined) out.u32(tag.STDIN, planStreams[stdin]);
  if (stdout !== undefined) out.u32(tag.STDOUT, planStreams[stdout]);
  if (stderr !== undefined) out.u32(tag.STDERR, planStreams[stderr]);
  if (restart !== undefined) {
    out.u32(tag.RESTART, planRestarts[restart.policy]);
    if (restart.limit !== undefined) out.u32(tag.RESTART_LIMIT, restart.limit);
  }
  if (notify) out.u32(tag.NOTIFY, 1);
  if (stopSignal !== undefined) out.u32(tag.STOP_SIGNAL, stopSignal);
  if (interactive) out.u32(tag.INTERACTIVE, 1);
  for (const socket of sockets ?? []) {
    out.group(tag.SOCKET, () => {
      if ('fd' in socket) {
        out.u32(tag.SOCKET_FD, socket.fd);
      } else {
        out.u32(tag.SOCKET_OPEN, planSocketOpens[socket.open]);
        out.u32(tag.SOCKET_PORT, socket.port);
      }
      text(out, tag.SOCKET_NAME, socket.name);
    });
  }
}

function writeIdentity(out: PlanWriter, app: PlanApp): void {
  out.u32(tag.UID, app.uid);
  out.u32(tag.GID, app.gid);
  for (const gid of app.supplementaryGids ?? []) out.u32(tag.SUPPLEMENTARY_GID, gid);
  out.u64(tag.CAPS_BOUNDING, app.capsBounding);
  if (app.noNewPrivs) out.u32(tag.NO_NEW_PRIVS, 1);
  for (const limit of app.rlimits ?? []) out.bytes(tag.RLIMIT, encodeRlimit(limit));
  if (app.seccomp !== undefined) out.bytes(tag.SECCOMP, app.seccomp);
  if (app.deviceFilter !== undefined) out.bytes(tag.DEVICE_FILTER, app.deviceFilter);
  if (app.oomScoreAdj !== undefined) out.u32(tag.OOM_SCORE_ADJ, app.oomScoreAdj >>> 0);
  if (app.umask !== undefined) out.u32(tag.UMASK, app.umask);
}

function writeFilesystem(out: PlanWriter, app: PlanApp): void {
  for (const mount of app.mounts ?? []) out.group(tag.MOUNT, () => writeMount(out, mount));
  texts(out, tag.MASK_PATH, app.maskPaths ?? []);
  texts(out, tag.READONLY_PATH, app.readonlyPaths ?? []);
  texts(out, tag.DIRECTORY, app.directories ?? []);
  for (const file of app.files ?? []) {
    out.group(tag.FILE, () => {
      text(out, tag.FILE_PATH, file.path);
      out.u32(tag.FILE_MODE, file.mode);
      out.bytes(tag.FILE_DATA, typeof file.data === 'string' ? Buffer.from(file.data) : file.data);
      if (file.replace !== undefined) out.u32(tag.FILE_REPLACE, planReplaces[file.replace]);
    });
  }
}

function writeMount(out: PlanWriter, mount: PlanMount): void {
  text(out, tag.MOUNT_SOURCE, mount.source);
  text(out, tag.MOUNT_TARGET, mount.target);
  const flags =
    (mount.readOnly ? 1 : 0) | (mount.recursive ? 2 : 0) | (mount.devices ? 4 : 0) | (mount.shifted ? 8 : 0);
  if (flags !== 0) out.u32(tag.MOUNT_FLAGS, flags);
}

function writeCommand(out: PlanWriter, commandTag: number, args: readonly string[]): void {
  out.group(commandTag, () => texts(out, tag.ARG, args));
}

function encodeRlimit(limit: PlanRlimit): Buffer {
  const data = Buffer.allocUnsafe(20);
  data.writeUInt32LE(limit.resource, 0);
  data.writeBigUInt64LE(limit.soft, 4);
  data.writeBigUInt64LE(limit.hard, 12);
  return data;
}

function texts(out: PlanWriter, stringTag: number, values: readonly string[]): void {
  for (const value of values) text(out, stringTag, value);
}

/** NUL would end the string early in the kernel; it is refused here already, where it is known what it was meant for. */
function text(out: PlanWriter, stringTag: number, value: string): void {
  if (value.includes('\0')) {
    throw new RktError(`the launch plan cannot hold ${JSON.stringify(value)}: it contains a NUL byte`, {
      code: 'EPLAN',
    });
  }
  out.string(stringTag, value);
}
