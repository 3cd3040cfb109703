/**
 * Setting up the default network of a pod: a veth pair with an address at either end, routes, and admission by the firewall.
 * Synchronous and short, because `rkt run` waits for it; every step may be repeated, and may be interrupted for good, after which
 * teardown.ts finds everything by the pod's uuid.
 */

import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { native } from '../native/index.ts';
import { errnoOf } from '../runtime/base/errors.ts';
import { metadataAddress } from '../runtime/base/paths.ts';
import { newAddress } from './addresses.ts';
import { networkError, type Part } from './errors.ts';
import { admitPod } from './firewall.ts';
import { forgetAddress } from './forwards.ts';
import { claimAddress, hostAddressOf } from './ipam.ts';
import { fileLeases } from './lease-files.ts';
import type { Lease, LeaseStore } from './leases.ts';
import { findLink, getLink, type Link, newVeth, parseLink, removeLink, setLinkUp } from './links.ts';
import { NetlinkError, NetlinkSocket, protocol } from './netlink/socket.ts';
import { mayLive } from './owner.ts';
import { newRoute } from './routes.ts';
import { enableForwarding, guardHostLink } from './sysctl.ts';
import { releaseAddress, removeTraces, vacate } from './teardown.ts';
import { hostInterfaceOf, type PodNetwork, type PodNetworkKind } from './types.ts';

/** The name of the link in the pod. */
const podInterface = 'eth0';

/**
 * Makes the network namespace of a pod, with its loopback up, pinned at `netnsDir/uuid`; returns that path. One that an
 * interrupted start of the same pod left there is replaced. Throws a RktError (ENOTROOT, EKERNEL, ENETWORK).
 */
export async function startNetns(uuid: string, netnsDir: string): Promise<string> {
  const path = join(netnsDir, uuid);
  try {
    mkdirSync(netnsDir, { recursive: true, mode: 0o755 });
    try {
      await native.createNetns(path);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      native.removeNetns(path);
      await native.createNetns(path);
    }
    return path;
  } catch (error) {
    throw networkError('netns', uuid, error);
  }
}

export interface SetupOptions {
  uuid: string;
  kind: PodNetworkKind;
  /** The path that {@link startNetns} returned. */
  netns: string;
  /** Where the leases are: one directory for both kinds, which share their addresses. */
  leaseDir: string;
  /** The pod's directory, which is locked as long as the pod lives. Another pod may only take the address back when it is not. */
  dir: string;
  /** For both ends of the link; the kernel's default is 1500. */
  mtu?: number;
}

/**
 * Connects the namespace of a pod to the host. The same call again changes nothing. On failure nothing is left but the
 * namespace, and a RktError is thrown: EPOOL, ENOTROOT, EKERNEL, ELEASE, ESYSCTL, ETABLE or ENETWORK.
 */
export function setupPodNetwork(options: SetupOptions): PodNetwork {
  const store = fileLeases(options.leaseDir);
  const lease = at('link', options.uuid, () => claim(store, options));
  const network = networkOf(lease, options.netns);
  try {
    at('firewall', options.uuid, () => admit(network, store));
    at('link', options.uuid, () => connect(network, options.mtu));
    return network;
  } catch (error) {
    undo(lease, store);
    throw error;
  }
}

function networkOf(lease: Lease, netns: string): PodNetwork {
  return {
    name: lease.kind,
    kind: lease.kind,
    interface: podInterface,
    hostInterface: hostInterfaceOf(lease.uuid),
    ip: lease.ip,
    hostIp: hostAddressOf(lease.ip),
    prefixLength: 31,
    netns,
  };
}

/** The network of a pod as its lease tells it, for when the pod's own record is lost; undefined where it has no lease. */
export function leasedNetwork(uuid: string, netns: string, leaseDir: string): PodNetwork | undefined {
  const lease = fileLeases(leaseDir).locked((leases) => leases.list().find((candidate) => candidate.uuid === uuid));
  return lease === undefined ? undefined : networkOf(lease, netns);
}

/** Runs a part of the work; its errors say what the part needs. */
function at<T>(part: Part, uuid: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw networkError(part, uuid, error);
  }
}

function claim(store: LeaseStore, { uuid, kind, netns, dir, leaseDir }: SetupOptions): Lease {
  return store.locked((leases) =>
    claimAddress(leases, {
      uuid,
      kind,
      dir,
      mayLive,
      reclaim: (dead) => {
        removeTraces(dead);
        if (dead.uuid !== uuid) native.removeNetns(join(dirname(netns), dead.uuid));
      },
      vacate: (ip, holder) => {
        vacate(ip, holder, kind);
        forgetAddress(leaseDir, ip);
      },
    }),
  );
}

/** What failed is what the user has to hear of; what cannot be undone either is left for `rkt gc`. */
function undo(lease: Lease, store: LeaseStore): void {
  try {
    store.locked((leases) => releaseAddress(leases, lease));
  } catch {
    // as above
  }
}

function admit(network: PodNetwork, store: LeaseStore): void {
  using socket = NetlinkSocket.open(protocol.netfilter);
  admitPod(socket, { link: network.hostInterface, ip: network.ip, kind: network.kind }, store);
}

function connect(network: PodNetwork, mtu: number | undefined): void {
  using host = NetlinkSocket.open(protocol.route);
  using pod = NetlinkSocket.open(protocol.route, network.netns);
  const link = makeLink(host, pod, network, mtu);
  guardHostLink(network.hostInterface);
  host.transact([
    newAddress({ linkIndex: link.index, address: network.hostIp, prefixLength: network.prefixLength }),
    setLinkUp(link.index, link.name),
  ]);
  configurePodEnd(pod, network, link.peerIndex ?? 0);
  activate(host, network.hostInterface);
  enableForwarding();
}

/**
 * The end of a veth that was set up first drops what it is to send until the kernel's link watch has noticed the other end. Asking for
 * the link makes the kernel look at once where it knows to (seen on Linux 6.18); else the pod's first packet might be lost and only
 * repeated a second later.
 */
function activate(host: NetlinkSocket, name: string): void {
  host.transact([getLink(name)]);
}

/** The pod's address, the route to the metadata service, and for a pod that may leave the host the default route. */
function configurePodEnd(pod: NetlinkSocket, network: PodNetwork, linkIndex: number): void {
  const byHost = { gateway: network.hostIp, linkIndex };
  pod.transact([
    newAddress({ linkIndex, address: network.ip, prefixLength: network.prefixLength }),
    setLinkUp(linkIndex, network.interface),
    newRoute({ destination: metadataAddress, prefixLength: 32, ...byHost }),
    ...(network.kind === 'default' ? [newRoute({ destination: '0.0.0.0', prefixLength: 0, ...byHost })] : []),
  ]);
}

/** Makes the pair of links, or takes the one that is there if both of its ends are where they belong. */
function makeLink(host: NetlinkSocket, pod: NetlinkSocket, network: PodNetwork, mtu: number | undefined): Link {
  try {
    return createLink(host, network, mtu);
  } catch (error) {
    if (!(error instanceof NetlinkError && error.code === 'EEXIST')) throw error;
    const here = findLink(host, network.hostInterface);
    if (here === undefined) throw error; // the name in the pod is taken, by something that is not ours
    const there = findLink(pod, network.interface);
    if (there !== undefined && there.index === here.peerIndex && there.peerIndex === here.index) return here;
    removeLink(host, network.hostInterface);
    return createLink(host, network, mtu);
  }
}

function createLink(host: NetlinkSocket, network: PodNetwork, mtu: number | undefined): Link {
  const netnsFd = openSync(network.netns, 'r');
  try {
    const peer = { name: network.interface, netnsFd };
    const request = newVeth({ name: network.hostInterface, peer, mtu });
    const [, answers] = host.transact([request, getLink(network.hostInterface)]);
    const answer = answers?.[0];
    if (answer === undefined)
      throw new NetlinkError(request.doing, 19 /* ENODEV */, 'the kernel did not return the link');
    return parseLink(answer.payload);
  } finally {
    closeSync(netnsFd);
  }
}
