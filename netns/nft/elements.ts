/** Elements of the two sets that the static rules refer to: what a pod costs in nf_tables. */

import { ipv4Bytes } from '../ipv4.ts';
import { attribute, flag, nested, string } from '../netlink/codec.ts';
import { NetlinkError, type NetlinkTransport } from '../netlink/socket.ts';
import type { PodNetworkKind } from '../types.ts';
import { commit, type NftChange, nftMessage, nftType } from './batch.ts';
import { setName, tableName } from './names.ts';

const listTable = 1;
const listSet = 2;
const listElements = 3;
const listItem = 1;
const elementKey = 1;
const dataValue = 1;

/** What the sets know of a pod. */
export interface PodAddress {
  /** The name of the host's end of its link. */
  link: string;
  ip: string;
  kind: PodNetworkKind;
}

/** The key of the set of links: the link's name padded to 16 bytes, then the address. */
function linkKey({ link, ip }: PodAddress): Buffer {
  const key = Buffer.alloc(20);
  key.write(link, 0, 15, 'latin1');
  key.set(ipv4Bytes(ip), 16);
  return key;
}

interface Element {
  set: string;
  key: Buffer;
}

/** The elements of one pod: its address on its link, and for the kinds that leave the host, its address. */
function keysOf(pod: PodAddress): Element[] {
  const link = { set: setName.links, key: linkKey(pod) };
  return pod.kind === 'default' ? [link, { set: setName.pods, key: ipv4Bytes(pod.ip) }] : [link];
}

function elementAttributes(set: string, key: Buffer): Buffer[] {
  const element = nested(listItem, [nested(elementKey, [attribute(dataValue, key)])]);
  return [string(listTable, tableName), string(listSet, set), nested(listElements, [element])];
}

/** Adds a pod's elements; no error where they are there. */
export function addPod(pod: PodAddress): NftChange[] {
  return keysOf(pod).map(({ set, key }) => ({
    type: nftType.newElements,
    flags: flag.create,
    attributes: elementAttributes(set, key),
    doing: `adding ${pod.ip} to the nf_tables set ${set}`,
  }));
}

/** Removes a pod's elements; ENOENT where one is missing. */
export function deletePod(pod: PodAddress): NftChange[] {
  return keysOf(pod).map((element) => deleteElement(element, pod.ip));
}

function deleteElement({ set, key }: Element, ip: string): NftChange {
  return {
    type: nftType.deleteElements,
    flags: 0,
    attributes: elementAttributes(set, key),
    doing: `removing ${ip} from the nf_tables set ${set}`,
  };
}

/** Removes a pod's elements, those that are there. */
export function removePod(socket: NetlinkTransport, pod: PodAddress): void {
  for (const change of deletePod(pod)) commitWhereFound(socket, change);
}

/**
 * Removes an address from the set of those whose traffic leaves the host, if it is among them. Asked first, as a batch that fails
 * waits for the kernel's grace period like one that succeeds: some 10 ms on Linux 6.18.
 */
export function removeAddress(socket: NetlinkTransport, ip: string): void {
  const element = { set: setName.pods, key: ipv4Bytes(ip) };
  if (isPresent(socket, element, 1)) commitWhereFound(socket, deleteElement(element, ip));
}

function commitWhereFound(socket: NetlinkTransport, change: NftChange): void {
  try {
    commit(socket, [change]);
  } catch (error) {
    if (!(error instanceof NetlinkError && error.code === 'ENOENT')) throw error;
  }
}

/** The sets that a pod's element is missing from. */
export function missingElements(socket: NetlinkTransport, pod: PodAddress): string[] {
  return keysOf(pod).flatMap((element, index) => (isPresent(socket, element, index + 1) ? [] : [element.set]));
}

function isPresent(socket: NetlinkTransport, { set, key }: Element, sequence: number): boolean {
  const request = { type: nftType.getElements, flags: flag.ack, attributes: elementAttributes(set, key) };
  const answers = socket.raw(nftMessage(request, sequence), 1);
  return answers.some((answer) => answer.type === ((10 << 8) | nftType.newElements));
}
