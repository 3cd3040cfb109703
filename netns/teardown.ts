/**
 * Taking the network of a pod down, completely and any number of times. Works from the uuid alone: the lease and the link are found
 * by it, whatever step the pod's start or end was interrupted at.
 */

import { native } from '../native/index.ts';
import { messageOf, RktError } from '../runtime/base/errors.ts';
import { addressOf, dismissPod, openFirewall, removeUnusedTable } from './firewall.ts';
import { fileLeases, leaseFile } from './lease-files.ts';
import type { Lease, LeaseTable } from './leases.ts';
import { deleteLink, removeLink } from './links.ts';
import { flag, message } from './netlink/codec.ts';
import { NetlinkSocket, protocol } from './netlink/socket.ts';
import { encodeBatch } from './nft/batch.ts';
import { deletePod } from './nft/elements.ts';
import { hostInterfaceOf, type PodNetwork } from './types.ts';

export interface TeardownOptions {
  uuid: string;
  /** What is recorded of the pod's network, where something is. */
  network: PodNetwork | undefined;
  /** Where the namespace is pinned. */
  netns: string;
  leaseDir: string;
}

/**
 * Removes the pod's elements, link, namespace pin and lease, and after the last pod the nf_tables table. Idempotent. Throws a RktError
 * ENETWORK where something cannot be removed; the lease stays then, so that the address is not given to another pod.
 */
export function teardownPodNetwork(options: TeardownOptions): void {
  try {
    const store = fileLeases(options.leaseDir);
    using firewall = openFirewall();
    store.locked((leases) => {
      for (const lease of ownLeases(leases, options)) dismissPod(firewall, addressOf(lease));
    });
    // Deleting a link waits for the kernel's grace periods, 50 ms and more: pods that start meanwhile must not wait for the lock.
    withRoute((socket) => removeLink(socket, hostInterfaceOf(options.uuid)));
    native.removeNetns(options.netns);
    store.locked((leases) => {
      const own = leases.list().filter((lease) => lease.uuid === options.uuid);
      for (const lease of own) leases.remove(lease.ip);
      removeUnusedTable(firewall, leases);
    });
  } catch (error) {
    throw new RktError(`cannot take down the private network of pod ${options.uuid}: ${messageOf(error)}`, {
      code: 'ENETWORK',
      cause: error,
    });
  }
}

/**
 * The leases of a pod. Where its lease is gone already, as after its monitor was interrupted, the recorded address counts,
 * unless another pod has it by now.
 */
function ownLeases(leases: LeaseTable, { uuid, network }: TeardownOptions): Lease[] {
  const all = leases.list();
  const own = all.filter((lease) => lease.uuid === uuid);
  if (own.length > 0 || network === undefined || all.some((lease) => lease.ip === network.ip)) return own;
  return [{ ip: network.ip, uuid, kind: network.kind }];
}

/** Removes what a lease stands for, but not the lease itself: elements first, so that nothing is admitted without a link. */
export function removeTraces(lease: Lease): void {
  using firewall = openFirewall();
  dismissPod(firewall, addressOf(lease));
  withRoute((socket) => removeLink(socket, hostInterfaceOf(lease.uuid)));
}

/** {@link removeTraces}, and the lease, and the table with the last one. */
export function releaseAddress(leases: LeaseTable, lease: Lease): void {
  removeTraces(lease);
  leases.remove(lease.ip);
  using firewall = openFirewall();
  removeUnusedTable(firewall, leases);
}

function withRoute(work: (socket: NetlinkSocket) => void): void {
  using socket = NetlinkSocket.open(protocol.route);
  work(socket);
}

/** What the pod's monitor does when the pod has ended, in this order (docs/launch-plan.md, TEARDOWN). */
export interface TeardownSteps {
  /** Datagrams, each answered by one message that ends it. */
  netlink: { protocol: number; data: Buffer }[];
  /** Paths to unmount and unlink. */
  unmount: string[];
  /** Paths to unlink. */
  unlink: string[];
}

/**
 * The teardown of a pod that ends normally, as data. The lease goes last: the address cannot be given away before its
 * link is gone. The table stays; `rkt gc` removes it when no pod is left.
 */
export function teardownSteps(network: PodNetwork, leaseDir: string): TeardownSteps {
  const elements = deletePod({ link: network.hostInterface, ip: network.ip, kind: network.kind });
  const { type, flags, body } = deleteLink(network.hostInterface);
  return {
    netlink: [
      { protocol: protocol.netfilter, data: encodeBatch(elements) },
      { protocol: protocol.route, data: message(type, flags | flag.request | flag.ack, 1, body) },
    ],
    unmount: [network.netns],
    unlink: [leaseFile(leaseDir, network.ip)],
  };
}
