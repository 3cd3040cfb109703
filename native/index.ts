/**
 * The typed face of the N-API addon: what node lacks and rkt needs. This file is the contract; `src/addon/binding*.c`
 * implements it and `src/addon/<topic>.c` does the work without knowing node.
 *
 * Every failure throws an Error whose message says what was being done to what, with `errno` (number, positive),
 * `code` ("ENOENT") and `syscall` set. All descriptors returned are close-on-exec unless said otherwise, and belong to
 * the caller, who closes them with `fs.closeSync`.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

export interface PeerCredentials {
  pid: number;
  uid: number;
  gid: number;
}

export interface SocketInfo {
  /** AF_*, SOCK_* and IPPROTO_* of socket(2). */
  family: number;
  type: number;
  protocol: number;
  /** SO_ACCEPTCONN: it accepts connections. */
  listening: boolean;
  /** What it is bound to, for IPv4 and IPv6; an IPv4 address that is mapped into IPv6 as such. Otherwise empty, and 0. */
  address: string;
  port: number;
}

export interface NetlinkSocketOptions {
  /** NETLINK_ROUTE (0), NETLINK_NETFILTER (12), … */
  protocol: number;
  /** Open the socket inside this network namespace (a path); absent: the caller's. */
  netns?: string;
}

export interface FileHandleExtras {
  /** Sets or clears close-on-exec. */
  setCloexec(fd: number, on: boolean): void;
  /**
   * flock(2). `nonblocking` true: returns false where it would block; otherwise waits. True when the lock is held
   * (or released, for 'unlock').
   */
  flock(fd: number, operation: 'shared' | 'exclusive' | 'unlock', nonblocking: boolean): boolean;
  /**
   * Resolves when nobody holds the lock of `fd` exclusively any more; the lock is not kept. Waits by flock(2) on a thread of its own.
   * It cannot be cancelled, but keeps neither the loop nor the process, and not `fd` either: the caller may close it.
   */
  lockFreed(fd: number): Promise<void>;
  /** isatty(3): whether the descriptor is a terminal. False where it is not open. */
  isTerminal(fd: number): boolean;
  /** syncfs(2): everything written to the file system of `fd` is on disk afterwards. */
  syncfs(fd: number): void;
  /**
   * Tells ext4 that the directories which are made in this one have nothing to do with each other (the attribute T of chattr(1)), so
   * that it spreads them over the disk. False on file systems that do not want to know.
   */
  spreadDirectories(path: string): boolean;
  /** renameat2(2) with RENAME_NOREPLACE: fails with EEXIST where `to` exists. */
  renameNoReplace(from: string, to: string): void;
}

export interface Mounts {
  /**
   * A detached, read-only clone of the mount that holds `path`, opened at `path` (open_tree + mount_setattr, Linux 5.12).
   * A program executed through it cannot be opened for writing by way of /proc/self/exe.
   */
  openTreeReadonly(path: string): number;
  /** umount2(path, MNT_DETACH). False where nothing was mounted there or the path is gone. */
  unmount(path: string): boolean;
}

export interface Namespaces {
  /**
   * Makes a network namespace with its loopback up, and pins it by a bind mount on `path` (the file is made; its directory
   * must exist). Runs on a thread of its own that ends afterwards, so no thread of node ever leaves its namespaces.
   * Resolves when the namespace is pinned. Fails with EEXIST where `path` exists.
   */
  createNetns(path: string): Promise<void>;
  /**
   * Makes a user namespace in which the ids from 0 on are those of the host from `shift` on, `range` of them, and pins it on `path`.
   * Unless `netns` is empty, a network namespace that belongs to it is made and pinned there, with its loopback up. The same holds
   * as for {@link createNetns}.
   */
  createUserNamespace(path: string, shift: number, range: number, netns: string): Promise<void>;
  /** Undoes {@link createNetns} and {@link createUserNamespace}: one path at a time; idempotent. */
  removeNetns(path: string): void;
}

export interface Sockets {
  /**
   * A bound netlink socket with extended acks and strict checking on where the kernel has them. With `netns` it is opened by
   * a short-lived thread that entered that namespace; the socket stays in it, wherever it is used.
   */
  netlinkOpen(options: NetlinkSocketOptions): number;
  /**
   * Sends one datagram (one message or several) and receives until `acks` messages that end a request have come (NLMSG_ERROR
   * or NLMSG_DONE); where one of them carries an error, until nothing more is there, as the kernel may answer fewer or more.
   * Returns the messages received as one buffer, headers included. Errors of the kernel are not thrown: they are in the
   * messages. Throws ETIMEDOUT after `timeoutMs`.
   */
  netlinkTransact(fd: number, datagram: Uint8Array, acks: number, timeoutMs: number): Buffer;
  /** Connects to a unix stream socket; send and receive time out after `timeoutMs`. */
  connectUnix(path: string, timeoutMs: number): number;
  /**
   * Sends one datagram to the unix datagram socket at `path`; a path that starts with `@` is an abstract name (unix(7)). Waits a
   * second at most for room in the receiver's queue, and throws ETIMEDOUT then.
   */
  sendDatagram(path: string, data: Uint8Array): void;
  /** SO_PEERCRED of a connected unix socket. */
  peerCredentials(fd: number): PeerCredentials;
  /** What a socket is that somebody else has opened. Throws ENOTSOCK for other files. */
  socketInfo(fd: number): SocketInfo;
}

export interface Processes {
  /** pidfd_open(2). Throws ESRCH where there is no such process. */
  pidfdOpen(pid: number): number;
  /** pidfd_send_signal(2); signal 0 only checks. False where the process is gone. */
  pidfdSignal(pidfd: number, signal: number): boolean;
  /**
   * Resolves when the process of `pidfd` has ended. `cancel` resolves it early with false, and does
   * nothing once it has settled. The loop is not kept alive by it.
   * The caller still owns `pidfd` and must not close it before `ended` has settled.
   */
  watchPidfd(pidfd: number): { ended: Promise<boolean>; cancel: () => void };
  /** Soft and hard limit; Infinity for RLIM_INFINITY. */
  getrlimit(resource: number): { soft: number; hard: number };
  /**
   * execve(2): replaces this process. `args` begin with the name that the program is called by, `environment` has `NAME=value`. The
   * standard streams go along, and descriptors that are not close-on-exec.
   */
  execute(file: string, args: readonly string[], environment: readonly string[]): never;
}

export interface Native extends FileHandleExtras, Mounts, Namespaces, Sockets, Processes {}

/**
 * In an installed tree the addon lies beside the bundle; in a checkout where node-gyp put it. Not by require(), which node:module would
 * have to be loaded for and which looks for a package.json in every directory above.
 */
function load(): unknown {
  const beside = join(import.meta.dirname, 'rkt_native.node');
  const file = existsSync(beside) ? beside : join(import.meta.dirname, 'build', 'Release', 'rkt_native.node');
  const module: { exports: unknown } = { exports: {} };
  process.dlopen(module, file);
  return module.exports;
}

/** The addon as it was loaded; `native/fs.ts` takes its part from the same object. */
export const addon: unknown = load();

export const native: Native = addon as Native;
