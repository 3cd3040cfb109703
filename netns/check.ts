/** Looking at the network of a pod as it is, against what is recorded of it. */

import { existsSync, readFileSync } from 'node:fs';
import { messageOf } from '../runtime/base/errors.ts';
import { metadataAddress } from '../runtime/base/paths.ts';
import { getAddresses, parseAddress } from './addresses.ts';
import { findLink, type Link } from './links.ts';
import { NetlinkSocket, protocol } from './netlink/socket.ts';
import { missingElements } from './nft/elements.ts';
import { getRoutes, parseRoute } from './routes.ts';
import type { PodNetwork } from './types.ts';

/** What is wrong with a pod's network, one sentence each; empty where all is as it was set up. Changes nothing. */
export async function checkPodNetwork(network: PodNetwork): Promise<string[]> {
  const { listLinks } = await import('./host-netlink.ts');
  const host = (await listLinks()).find((link) => link.name === network.hostInterface);
  return [...checkHost(network, host), ...checkFirewall(network), ...checkPod(network, host)];
}

/** The names of all links on the host that were made for pods, living or not: `rkt` and 12 hex digits of the uuid. */
export async function listPodLinks(): Promise<string[]> {
  const { listLinks } = await import('./host-netlink.ts');
  return (await listLinks()).map((link) => link.name).filter((name) => /^rkt[0-9a-f]{12}$/.test(name));
}

function checkHost(network: PodNetwork, link: Link | undefined): string[] {
  const problems: string[] = [];
  if (link === undefined) return [`the link ${network.hostInterface} is missing`];
  if (!link.up) problems.push(`the link ${network.hostInterface} is down`);
  using socket = NetlinkSocket.open(protocol.route);
  if (!hasAddress(socket, link.index, network.hostIp)) {
    problems.push(`the link ${network.hostInterface} lacks the address ${network.hostIp}/31`);
  }
  const forwarding = readFileSync('/proc/sys/net/ipv4/ip_forward', 'latin1').trim();
  if (forwarding !== '1') problems.push('the host does not forward packets (net.ipv4.ip_forward is 0)');
  return problems;
}

function checkFirewall(network: PodNetwork): string[] {
  try {
    using socket = NetlinkSocket.open(protocol.netfilter);
    const pod = { link: network.hostInterface, ip: network.ip, kind: network.kind };
    return missingElements(socket, pod).map((set) => `${network.ip} is missing from the nf_tables set ${set}`);
  } catch (error) {
    return [`nf_tables cannot be asked: ${messageOf(error)}`];
  }
}

function checkPod(network: PodNetwork, host: Link | undefined): string[] {
  if (!existsSync(network.netns)) return [`the network namespace ${network.netns} is missing`];
  let socket: NetlinkSocket;
  try {
    socket = NetlinkSocket.open(protocol.route, network.netns);
  } catch (error) {
    return [`the network namespace cannot be entered: ${messageOf(error)}`];
  }
  using pod = socket;
  const link = findLink(pod, network.interface);
  if (link === undefined) return [`the pod lacks the link ${network.interface}`];
  const problems: string[] = [];
  if (host !== undefined && link.peerIndex !== host.index) {
    problems.push(`the pod's link ${network.interface} does not belong to ${network.hostInterface}`);
  }
  if (!link.up) problems.push(`the pod's link ${network.interface} is down`);
  if (!hasAddress(pod, link.index, network.ip)) problems.push(`the pod lacks the address ${network.ip}/31`);
  return [...problems, ...checkRoutes(pod, network)];
}

function checkRoutes(pod: NetlinkSocket, network: PodNetwork): string[] {
  const routes = pod.dump(getRoutes()).map((answer) => parseRoute(answer.payload));
  const wanted = [
    { destination: metadataAddress, prefixLength: 32 },
    ...(network.kind === 'default' ? [{ destination: '0.0.0.0', prefixLength: 0 }] : []),
  ];
  return wanted
    .filter(
      ({ destination, prefixLength }) =>
        !routes.some(
          (route) =>
            route?.destination === destination &&
            route.prefixLength === prefixLength &&
            route.gateway === network.hostIp,
        ),
    )
    .map(({ destination, prefixLength }) => `the pod lacks the route to ${destination}/${prefixLength}`);
}

function hasAddress(socket: NetlinkSocket, linkIndex: number, address: string): boolean {
  return socket
    .dump(getAddresses())
    .map((answer) => parseAddress(answer.payload))
    .some((entry) => entry.linkIndex === linkIndex && entry.address === address && entry.prefixLength === 31);
}
