/**
 * What the scenarios share. A scenario is a program that runs in network and mount namespaces of its own, which play the
 * host; it prints one JSON value. Its first argument is a directory for namespaces and leases.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { native } from '../../../../native/index.ts';
import { newAddress } from '../../../../netns/addresses.ts';
import { type PodNetwork, type PodNetworkKind, setupPodNetwork, startNetns } from '../../../../netns/index.ts';
import { findLink, newVeth, setLinkUp } from '../../../../netns/links.ts';
import { NetlinkSocket, protocol } from '../../../../netns/netlink/socket.ts';
import { newRoute } from '../../../../netns/routes.ts';

export const dir = process.argv[2] ?? '';
export const netnsDir = join(dir, 'netns');
export const leaseDir = join(dir, 'leases');

export const report = (value: unknown): void => void process.stdout.write(JSON.stringify(value));

/** The n-th pod of a scenario. Its link is named by the first 12 digits. */
export const uuidOf = (n: number): string => `${n.toString(16).padStart(8, '0')}-abcd-4000-8000-000000000000`;

/** The directory of the n-th pod, which does not exist unless a scenario makes it. */
export const podDirOf = (n: number): string => join(dir, `pod-${n}`);

export interface Pod {
  uuid: string;
  netns: string;
  network: PodNetwork;
}

/** `prepare` may do something to the namespace before it has a link. */
export async function startPod(
  n: number,
  kind: PodNetworkKind = 'default',
  prepare?: (netns: string) => void,
): Promise<Pod> {
  const uuid = uuidOf(n);
  const netns = await startNetns(uuid, netnsDir);
  prepare?.(netns);
  const network = setupPodNetwork({ uuid, kind, netns, leaseDir, dir: podDirOf(n) });
  return { uuid, netns, network };
}

/** Everything of rkt that this host has, as other programs see it. */
export function hostState(): { links: string[]; tables: string; elements: string } {
  const links = (JSON.parse(run('ip', ['-j', 'link'])) as { ifname: string }[]).map((link) => link.ifname);
  return {
    links: links.filter((name) => name.startsWith('rkt')).sort(),
    tables: run('nft', ['list', 'tables']).trim(),
    elements: run('nft', ['list', 'ruleset']).replace(/\s+/g, ' '),
  };
}

export function run(command: string, args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Sets the loopback of this namespace up. */
export function setLoopbackUp(): void {
  using socket = NetlinkSocket.open(protocol.route);
  socket.transact([setLinkUp(1, 'lo')]);
}

export const lan = { host: '10.9.0.1', neighbour: '10.9.0.2' };

/** A second machine on a network of the host: a namespace behind a veth pair. Returns its path. */
export async function makeLan(): Promise<string> {
  mkdirSync(netnsDir, { recursive: true });
  const path = join(netnsDir, 'lan');
  await native.createNetns(path);
  const netnsFd = openSync(path, 'r');
  using here = NetlinkSocket.open(protocol.route);
  using there = NetlinkSocket.open(protocol.route, path);
  here.transact([newVeth({ name: 'lan0', peer: { name: 'eth0', netnsFd } })]);
  closeSync(netnsFd);
  const ends = [
    { socket: here, name: 'lan0', address: lan.host },
    { socket: there, name: 'eth0', address: lan.neighbour },
  ];
  for (const { socket, name, address } of ends) {
    const linkIndex = findLink(socket, name)?.index ?? 0;
    socket.transact([newAddress({ linkIndex, address, prefixLength: 24 }), setLinkUp(linkIndex, name)]);
  }
  // Asking makes the kernel notice the carrier of the end that was set up first.
  findLink(here, 'lan0');
  return path;
}

/** Adds a route inside a namespace, as somebody with CAP_NET_ADMIN there could. */
export function addRoute(netns: string, destination: string, prefixLength: number, gateway: string): void {
  using socket = NetlinkSocket.open(protocol.route, netns);
  const linkIndex = findLink(socket, 'eth0')?.index ?? 0;
  socket.transact([newRoute({ destination, prefixLength, gateway, linkIndex })]);
}

/** Adds an address inside a namespace to its eth0, likewise. */
export function addAddress(netns: string, address: string): void {
  using socket = NetlinkSocket.open(protocol.route, netns);
  const linkIndex = findLink(socket, 'eth0')?.index ?? 0;
  socket.transact([newAddress({ linkIndex, address, prefixLength: 32 })]);
}

const probe = join(import.meta.dirname, 'probe.ts');

/** Starts a server in a namespace; resolves when it listens. */
export async function serve(
  netns: string,
  address: string,
  port: number,
  mode: 'serve' | 'answer' | 'note' = 'serve',
): Promise<ChildProcess> {
  const args = [`--net=${netns}`, process.execPath, probe, mode, address, String(port)];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

/**
 * Connects from a namespace: the source address that the server saw, or the code of the error, ETIMEDOUT after `timeoutMs`.
 */
export async function connectFrom(
  netns: string,
  address: string,
  port: number,
  options: { from?: string; timeoutMs?: number; mode?: 'connect' | 'ask' } = {},
): Promise<string> {
  const { from = '', timeoutMs = 5000, mode = 'connect' } = options;
  const args = [`--net=${netns}`, process.execPath, probe, mode, address, String(port), String(timeoutMs), from];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(child, 'close');
  return text;
}

/** From now on the ARP requests of a namespace are counted. */
export function countQuestions(netns: string): void {
  const rules = 'table arp count { chain out { type filter hook output priority 0; arp operation request counter; }; }';
  run('nsenter', [`--net=${netns}`, 'nft', rules]);
}

/** How many ARP requests a namespace has sent since {@link countQuestions}. */
export function questionsOf(netns: string): number {
  const rules = run('nsenter', [`--net=${netns}`, 'nft', 'list', 'table', 'arp', 'count']);
  return Number(/counter packets (\d+)/.exec(rules)?.[1]);
}

/** How many TCP segments a namespace has sent again (RFC 4022, tcpRetransSegs). */
export function repeatedSegmentsOf(netns: string): number {
  const text = run('nsenter', [`--net=${netns}`, 'cat', '/proc/net/snmp']);
  const [names = [], values = []] = [...text.matchAll(/^Tcp: (.*)$/gm)].map((match) => (match[1] ?? '').split(' '));
  return Number(values[names.indexOf('RetransSegs')]);
}

/** Sends one datagram from a namespace, from a source address of its own. */
export async function sendFrom(
  netns: string,
  from: string,
  address: string,
  port: number,
  text: string,
): Promise<void> {
  const args = [`--net=${netns}`, process.execPath, probe, 'send', address, String(port), from, text];
  await once(spawn('nsenter', args, { stdio: ['ignore', 'inherit', 'inherit'] }), 'close');
}
