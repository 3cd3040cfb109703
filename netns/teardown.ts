/**
 * Taking the network of a pod down, completely and any number of times. Works from the uuid alone: the lease and the link are found
 * by it, whatever step the pod's start or end was interrupted at.
 */

import { native } from '../native/index.ts';
import { messageOf, RktError } from '../runtime/base/errors.ts';
import { addressOf, confineAddress, dismissPod, openFirewall, removeUnusedTable } from './firewall.ts';
import { forgetPod, removePortsTable } from './forwards.ts';
import { fileLeases, leaseFile } from './lease-files.ts';
import type { Lease, LeaseTable } from './leases.ts';
import { removeLink } from './links.ts';
import { NetlinkSocket, type NetlinkTransport, protocol } from './netlink/socket.ts';
import { hostInterfaceOf, type PodNetwork, type PodNetworkKind } from './types.ts';

export interface TeardownOptions {
  uuid: string;
  /** What is recorded of the pod's network, where something is. */
  network: PodNetwork | undefined;
  /** Where the namespace is pinned. */
  netns: string;
  leaseDir: string;
}

/**
 * Removes the pod's elements, link, namespace pin and lease, and after the last pod the nf_tables table unless the metadata
 * service needs it. Idempotent. Where the pod has ended normally its lease is gone and its address may be another pod's, which is not
 * touched. Throws a RktError ENETWORK where something cannot be removed; the lease stays then.
 */
export function teardownPodNetwork(options: TeardownOptions): void {
  try {
    const store = fileLeases(options.leaseDir);
    using firewall = openFirewall();
    store.locked((leases) => {
      dismissAddresses(firewall, leases.list(), options);
      forgetPod(options.leaseDir, options.uuid);
    });
    // Deleting a link waits for the kernel's grace periods, 50 ms and more: pods that start meanwhile must not wait for the lock.
    withRoute((socket) => removeLink(socket, hostInterfaceOf(options.uuid)));
    native.removeNetns(options.netns);
    store.locked((leases) => {
      const own = leases.list().filter((lease) => lease.uuid === options.uuid);
      for (const lease of own) leases.remove(lease.ip);
      if (removeUnusedTable(firewall, leases) && firewall !== undefined) removePortsTable(firewall, options.leaseDir);
    });
  } catch (error) {
    throw new RktError(`cannot take down the private network of pod ${options.uuid}: ${messageOf(error)}`, {
      code: 'ENETWORK',
      cause: error,
    });
  }
}

/** Takes the addresses that the pod had, by its leases and by what is recorded of it, out of the firewall. */
function dismissAddresses(
  firewall: NetlinkTransport | undefined,
  leases: Lease[],
  { uuid, network }: TeardownOptions,
): void {
  const own = leases.filter((lease) => lease.uuid === uuid).map(addressOf);
  for (const pod of own) dismissPod(firewall, pod);
  if (network === undefined || own.some((pod) => pod.ip === network.ip)) return;
  const shared = leases.some((lease) => lease.ip === network.ip);
  dismissPod(firewall, { link: hostInterfaceOf(uuid), ip: network.ip, kind: network.kind }, shared);
}

/**
 * Makes an address that is free by its lease free in fact, for a pod of the kind `next`. A pod that ends only gives its namespace up:
 * the kernel deletes the link some 26 ms later, and not at all while anybody still has a socket of that namespace, which a pod may
 * have passed on to another. By such a socket one could speak to the metadata service from an address that is another pod's
 * by now; so the link goes first. Usually there is none, and this is one request.
 *
 * What the firewall has of the address on that link stays for `rkt gc`: no link has the name again, and removing it would make the start
 * wait for the kernel. The address by itself is what a pod of the default kind needs anyway.
 */
export function vacate(ip: string, holder: string, next: PodNetworkKind): void {
  withRoute((socket) => removeLink(socket, hostInterfaceOf(holder)));
  if (next === 'default') return;
  using firewall = openFirewall();
  confineAddress(firewall, ip);
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
  /** Paths to unmount and unlink. */
  unmount: string[];
  /** Paths to unlink. */
  unlink: string[];
}

/**
 * The teardown of a pod that ends normally, as data. Nothing is asked of the kernel's network (docs/decisions/002-the-end-of-a-pod.md):
 * without the pin the namespace ends, and the link with it; {@link vacate} sees to the rest when the address is given
 * again, and `rkt gc` removes elements and table.
 */
export function teardownSteps(network: PodNetwork, leaseDir: string): TeardownSteps {
  return { unmount: [network.netns], unlink: [leaseFile(leaseDir, network.ip)] };
}
