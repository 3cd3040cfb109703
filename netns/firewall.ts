/** What a pod needs of the host's nf_tables: the static table, and the pod's elements in it. */

import { existsSync } from 'node:fs';
import { errnoOf, RktError } from '../runtime/base/errors.ts';
import { metadataAddressNote } from '../runtime/base/paths.ts';
import { fileLeases } from './lease-files.ts';
import type { Lease, LeaseStore, LeaseTable } from './leases.ts';
import { NetlinkError, NetlinkSocket, type NetlinkTransport, protocol } from './netlink/socket.ts';
import { commit } from './nft/batch.ts';
import { addPod, type PodAddress, removeAddress, removePod } from './nft/elements.ts';
import { createTable, deleteTable } from './nft/table.ts';
import { hostInterfaceOf } from './types.ts';

const isMissing = (error: unknown): boolean => error instanceof NetlinkError && error.code === 'ENOENT';

/** What the sets hold for a lease. */
export const addressOf = ({ uuid, ip, kind }: Lease): PodAddress => ({ link: hostInterfaceOf(uuid), ip, kind });

/**
 * Lets a pod through. Usually the table is there and this is one system call. Where it is not, it is made with the elements
 * of all pods that have a lease: whoever removed it (`nft flush ruleset`, a firewall that restarted) cut them off as well.
 */
export function admitPod(socket: NetlinkTransport, pod: PodAddress, store: LeaseStore): void {
  try {
    commit(socket, addPod(pod));
    return;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  store.locked((leases) => restoreTable(socket, leases));
  try {
    commit(socket, addPod(pod));
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new RktError(
      'the nf_tables table "ip rkt" of this host lacks a set: it was not made by this version of rkt',
      {
        code: 'ETABLE',
        hint: 'when no pod is running, remove it with `nft delete table ip rkt`; rkt makes it anew',
        cause: error,
      },
    );
  }
}

/** Makes the table if it is missing, for all pods that have a lease. */
function restoreTable(socket: NetlinkTransport, leases: LeaseTable): void {
  const elements = leases.list().flatMap((lease) => addPod(addressOf(lease)));
  createTable(socket, elements);
}

/** Makes the static table where it is missing; what {@link admitPod} does by itself. */
export function ensureTable(leaseDir: string): void {
  using socket = NetlinkSocket.open(protocol.netfilter);
  fileLeases(leaseDir).locked((leases) => restoreTable(socket, leases));
}

/** Removes the static table unless a pod has a lease or the metadata service its address; true where it is gone afterwards. */
export function removeTable(leaseDir: string): boolean {
  using socket = openFirewall();
  return fileLeases(leaseDir).locked((leases) => removeUnusedTable(socket, leases));
}

/** The same with the lock held. */
export function removeUnusedTable(socket: NetlinkTransport | undefined, leases: LeaseTable): boolean {
  if (leases.list().length > 0 || existsSync(metadataAddressNote())) return false;
  whereSupported(socket, deleteTable);
  return true;
}

/** Takes a pod's elements out; idempotent. With `shared`, its address is another pod's by now, and only that on its link goes. */
export function dismissPod(socket: NetlinkTransport | undefined, pod: PodAddress, shared = false): void {
  // Whatever is recorded of the kind, a half-made pod may have either element.
  whereSupported(socket, (firewall) =>
    removePod(firewall, { ...pod, kind: shared ? 'default-restricted' : 'default' }),
  );
}

/** Takes an address out of those whose traffic leaves the host, where it is among them. */
export function confineAddress(socket: NetlinkTransport | undefined, ip: string): void {
  whereSupported(socket, (firewall) => removeAddress(firewall, ip));
}

const unsupported = (error: unknown): boolean =>
  ['EPROTONOSUPPORT', 'EOPNOTSUPP', 'ENOTSUP'].includes(errnoOf(error) ?? '');

/**
 * A socket for removing things; undefined where the kernel has no netfilter, as there is nothing to remove then.
 *
 * Close it last: closing waits until the kernel has freed what was removed (some 20 ms on Linux 6.18), and other work that waits for
 * the kernel meanwhile makes that wait short.
 */
export function openFirewall(): NetlinkSocket | undefined {
  try {
    return NetlinkSocket.open(protocol.netfilter);
  } catch (error) {
    if (unsupported(error)) return undefined;
    throw error;
  }
}

/** The kernel may have netfilter without nf_tables. */
function whereSupported(socket: NetlinkTransport | undefined, work: (socket: NetlinkTransport) => unknown): void {
  if (socket === undefined) return;
  try {
    work(socket);
  } catch (error) {
    if (!unsupported(error)) throw error;
  }
}
