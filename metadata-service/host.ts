/** What the service needs of the machine. Tests put their own in its place; `createHost` is the real one. */

import { closeSync, readFileSync, readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { native } from '../native/index.ts';
import {
  ensureMetadataAddress,
  ensureTable,
  leadToService,
  lockAddressNote,
  removeMetadataAddress,
  removeTable,
} from '../netns/index.ts';
import { errnoOf, messageOf, RktError } from '../runtime/base/errors.ts';
import { openOptional } from '../runtime/base/files.ts';
import { leaseDir } from '../runtime/base/paths.ts';
import type { Host, ProcessWatch } from './host-contract.ts';
import type { Pod, ProcessIdentity } from './pod.ts';
import type { Peer } from './registration.ts';

export function createHost(): Host {
  return {
    hasAddress,
    addAddress: ensureMetadataAddress,
    removeAddress: removeMetadataAddress,
    guardAddress,
    unguardAddress: () => void removeTable(leaseDir('default')),
    lockNote: (path) => lockAddressNote(path, true),
    leadPods: leadToService,
    peerOf,
    isAlive,
    watchProcess,
    notifyReady,
  };
}

/** The table is the one that private networks are in; without a pod in it, it goes again when the service stops. */
function guardAddress(): void {
  try {
    ensureTable(leaseDir('default'));
  } catch (error) {
    throw new RktError(
      `cannot start the metadata service: keeping its address to the pods of this host: ${messageOf(error)}`,
      {
        code: 'ENETWORK',
        hint: 'the kernel needs nf_tables (CONFIG_NF_TABLES, CONFIG_NF_TABLES_IPV4, CONFIG_NFT_CT, CONFIG_NFT_NAT and CONFIG_NFT_MASQ), and rkt CAP_NET_ADMIN',
        cause: error,
      },
    );
  }
}

function hasAddress(address: string): boolean {
  return (networkInterfaces().lo ?? []).some((found) => found.address === address);
}

function peerOf(socket: Socket): Peer {
  const { pid, uid } = native.peerCredentials(descriptorOf(socket));
  return { pid, uid, startTime: startTimeOf(pid) ?? '', isOnHost: pid > 0 && isInOurPidNamespace(pid) };
}

/** Node keeps the descriptor of a socket to itself; libuv's handle has it. */
function descriptorOf(socket: Socket): number {
  const fd = (socket as unknown as { _handle?: { fd?: number } | null })._handle?.fd;
  if (fd === undefined || fd < 0) throw new Error('the connection was closed before its peer could be told');
  return fd;
}

function isInOurPidNamespace(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`) === readlinkSync('/proc/self/ns/pid');
  } catch {
    return false;
  }
}

/** A pod is alive while its monitor runs and holds the lock on its directory. */
function isAlive(pod: Pick<Pod, 'process' | 'dir'>): boolean {
  return isRunning(pod.process) && (pod.dir === undefined || isLocked(pod.dir));
}

function isRunning({ pid, startTime }: ProcessIdentity): boolean {
  return startTime !== '' && startTimeOf(pid) === startTime;
}

/** Whether another process has the directory locked exclusively. */
function isLocked(dir: string): boolean {
  const fd = openOptional(dir);
  if (fd === undefined) return false;
  try {
    return !native.flock(fd, 'shared', true);
  } finally {
    closeSync(fd);
  }
}

function watchProcess(process: ProcessIdentity): ProcessWatch | undefined {
  let pidfd: number;
  try {
    pidfd = native.pidfdOpen(process.pid);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return undefined;
    throw error;
  }
  // Asked after the pidfd was opened: if it is this process now, then the pidfd is of this process.
  if (!isRunning(process)) {
    closeSync(pidfd);
    return undefined;
  }
  const watch = native.watchPidfd(pidfd);
  return { ended: watch.ended.then(() => closeSync(pidfd)), cancel: watch.cancel };
}

/**
 * The start time of a process that has not ended: field 22 of proc_pid_stat(5), counted from the end because the second
 * field is the program's name and can hold anything. Undefined for a zombie (state Z or X), which runs no more.
 */
function startTimeOf(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

/** sd_notify(3): one datagram. Node has no datagram sockets in the unix domain. */
async function notifyReady(): Promise<void> {
  const socket = process.env.NOTIFY_SOCKET;
  if (socket !== undefined && socket !== '') native.sendDatagram(socket, Buffer.from('READY=1'));
}
