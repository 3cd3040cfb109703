/**
 * Ports of the host that lead to pods. What is forwarded is known by the kernel alone: an element of a map, with the pod's uuid
 * (nft/port-elements.ts). It counts as long as the pod has its lease and lives; any other is stale, and is removed when its port or
 * its pod's address is given again, or by `rkt gc`. All changes are made with the leases locked.
 *
 * The file `ports` beside the leases is there as long as the table may be, so that hosts without forwarded ports never ask for it.
 */

import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RktError } from '../runtime/base/errors.ts';
import { podFiles } from '../runtime/base/paths.ts';
import { networkError } from './errors.ts';
import { fileLeases } from './lease-files.ts';
import type { Lease, LeaseTable } from './leases.ts';
import { findLink } from './links.ts';
import { listenerOn, listListeners } from './listeners.ts';
import { guardLoopback } from './loopback-guard.ts';
import { string } from './netlink/codec.ts';
import { NetlinkError, NetlinkSocket, type NetlinkTransport, protocol } from './netlink/socket.ts';
import { commit, encodeBatch, type NftChange, nftType } from './nft/batch.ts';
import { portsTableName } from './nft/names.ts';
import { addPort, deletePorts, listPorts, type PortElement } from './nft/port-elements.ts';
import { portsTableChanges } from './nft/ports-table.ts';
import { mayLive } from './owner.ts';
import { routeLoopback } from './sysctl.ts';
import type { PodNetwork, PortForward } from './types.ts';

/** A pod has at most so many forwarded ports: every one is an element, and a batch of them one datagram. */
export const maxForwards = 1024;

const marker = (leaseDir: string): string => join(leaseDir, 'ports');

export interface ForwardOptions {
  readonly uuid: string;
  readonly network: PodNetwork;
  readonly forwards: readonly PortForward[];
  readonly leaseDir: string;
}

/**
 * Leads ports of the host to a pod whose network is set up. All or none. False where the host itself does not reach them at
 * 127.0.0.1, because the kernel could not keep the pod from there then. Errors: EPORT where one is taken by another pod or by a
 * listener on the host, EKERNEL, ENETWORK.
 */
export function forwardPorts(options: ForwardOptions): boolean {
  const { forwards, leaseDir, network, uuid } = options;
  if (forwards.length === 0) return true;
  const fromLoopback = forwards.filter(({ hostIp }) => hostIp === undefined || hostIp.startsWith('127.'));
  try {
    const open = fromLoopback.length === 0 || openLoopback(network.hostInterface);
    const lost = open ? undefined : fromLoopback.find(({ hostIp }) => hostIp !== undefined);
    if (lost !== undefined) throw noGuard(lost);
    using socket = NetlinkSocket.open(protocol.netfilter);
    fileLeases(leaseDir).locked((leases) => {
      prepareTable(socket, leases, leaseDir);
      const known = listPorts(socket);
      const stale = settleConflicts(known, leases, options);
      refuseListeners(forwards);
      commit(socket, [
        ...deletePorts(stale, without(known, stale)),
        ...forwards.flatMap((forward) => addPort({ ...forward, ip: network.ip, uuid })),
      ]);
    });
    return open;
  } catch (error) {
    throw networkError('ports', uuid, error);
  }
}

/**
 * The host's own connections to 127.0.0.1 leave by the pod's link. By the setting that this takes, the pod could come in by it as well, so
 * the guard is there before. False, and nothing is open, where the kernel has none.
 */
function openLoopback(linkName: string): boolean {
  using socket = NetlinkSocket.open(protocol.route);
  const link = findLink(socket, linkName);
  if (link === undefined || !guardLoopback(socket, link.index, linkName)) return false;
  routeLoopback(linkName);
  return true;
}

const noGuard = (forward: PortForward): RktError =>
  new RktError(
    `port ${shownPort(forward)} of the host cannot be forwarded: the kernel cannot keep the pod from its loopback`,
    {
      code: 'EKERNEL',
      hint: 'this needs CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF; name another address of the host on this kernel',
    },
  );

/** Makes the table where it is missing, with what other pods have by their records: whoever flushed it has cut them off. */
function prepareTable(socket: NetlinkSocket, leases: LeaseTable, leaseDir: string): void {
  closeSync(openSync(marker(leaseDir), 'a', 0o600));
  try {
    commit(socket, [...portsTableChanges(), ...leases.list().filter(mayLive).flatMap(recordedPorts).flatMap(addPort)]);
  } catch (error) {
    if (!(error instanceof NetlinkError && error.code === 'EEXIST')) throw error;
  }
}

/** A record that cannot be read is as good as none: the pod is reached again when it is started anew. */
function recordedPorts({ uuid, ip, dir }: Lease): PortElement[] {
  try {
    const [network] = JSON.parse(readFileSync(podFiles.netInfo(dir ?? ''), 'utf8')) as PodNetwork[];
    return network?.ip === ip ? (network.forwards ?? []).map((forward) => ({ ...forward, ip, uuid })) : [];
  } catch {
    return [];
  }
}

const without = (all: readonly PortElement[], some: readonly PortElement[]): PortElement[] =>
  all.filter((element) => !some.includes(element));

const overlap = (one: PortForward, other: PortForward): boolean =>
  one.protocol === other.protocol &&
  one.hostPort === other.hostPort &&
  (one.hostIp === undefined || other.hostIp === undefined || one.hostIp === other.hostIp);

/** The stale elements that have to go first. Errors: EPORT for one that is not stale. */
function settleConflicts(
  elements: readonly PortElement[],
  leases: LeaseTable,
  { forwards, uuid }: ForwardOptions,
): PortElement[] {
  const conflicts = elements.filter((element) => forwards.some((forward) => overlap(forward, element)));
  if (conflicts.length === 0) return [];
  const held = leases.list();
  for (const element of conflicts) {
    const holder = held.find((lease) => lease.uuid === element.uuid && lease.ip === element.ip);
    if (element.uuid === uuid || holder === undefined || !mayLive(holder)) continue;
    throw new RktError(`port ${shownPort(element)} of the host is forwarded to pod ${element.uuid} already`, {
      code: 'EPORT',
      hint: 'choose another port, or stop that pod',
    });
  }
  return conflicts;
}

const shownPort = ({ hostIp, hostPort, protocol: name }: PortForward): string =>
  `${hostIp === undefined ? '' : `${hostIp}:`}${hostPort} (${name})`;

function refuseListeners(forwards: readonly PortForward[]): void {
  for (const name of ['tcp', 'udp'] as const) {
    const wanted = forwards.filter((forward) => forward.protocol === name);
    const listeners = wanted.length === 0 ? [] : listListeners(name);
    for (const forward of wanted) {
      if (listenerOn(forward, listeners) === undefined) continue;
      throw new RktError(`port ${shownPort(forward)} of the host is in use: a program listens on it`, {
        code: 'EPORT',
        hint: `choose another port, or see who listens with "ss -lnp sport = :${forward.hostPort}"`,
      });
    }
  }
}

/** Removes the elements that `which` chooses, where there are any. The leases are locked. */
function removePorts(leaseDir: string, which: (element: PortElement) => boolean): void {
  if (!existsSync(marker(leaseDir))) return;
  using socket = NetlinkSocket.open(protocol.netfilter);
  const known = listPorts(socket);
  const chosen = known.filter(which);
  if (chosen.length > 0) commit(socket, deletePorts(chosen, without(known, chosen)));
}

/** Before an address is given to a pod: what led to another pod there leads nowhere. */
export const forgetAddress = (leaseDir: string, ip: string): void =>
  removePorts(leaseDir, (element) => element.ip === ip);

/** Frees the ports of a pod; idempotent. Those that are another pod's by now are not touched. */
export const forgetPod = (leaseDir: string, uuid: string): void =>
  removePorts(leaseDir, (element) => element.uuid === uuid);

/** Removes the table, when no pod has a lease. */
export function removePortsTable(socket: NetlinkTransport, leaseDir: string): void {
  if (!existsSync(marker(leaseDir))) return;
  const removal: NftChange = {
    type: nftType.deleteTable,
    flags: 0,
    attributes: [string(1, portsTableName)],
    doing: `removing the nf_tables table ${portsTableName}`,
  };
  try {
    commit(socket, [removal]);
  } catch (error) {
    if (!(error instanceof NetlinkError && error.code === 'ENOENT')) throw error;
  }
  rmSync(marker(leaseDir), { force: true });
}

/** What the monitor sends to netfilter when the pod has ended, while the ports are its own for sure; undefined: nothing. */
export function portsFarewell(network: PodNetwork | undefined): Buffer | undefined {
  if (network?.forwards === undefined || network.forwards.length === 0) return undefined;
  const { ip } = network;
  return encodeBatch(deletePorts(network.forwards.map((forward) => ({ ...forward, ip, uuid: '' }))));
}
