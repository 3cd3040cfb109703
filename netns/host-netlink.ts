/**
 * The host side over the package node-netlink, where no pod's start waits for it: the address of the metadata service, and the links
 * of pods for checks and garbage collection. Loaded by dynamic import only (docs/decisions/001-netlink-on-the-start-path.md).
 */

import netlink from 'node-netlink';
import { ipv4Bytes } from './ipv4.ts';
import { type Link, parseLink } from './links.ts';
import { attribute } from './netlink/codec.ts';
import { NetlinkError } from './netlink/socket.ts';

const routeProtocol = 0;
const familyIpv4 = 2;
const loopbackIndex = 1; // in every network namespace
const scopeHost = 254;
const localAddress = 2; // IFA_LOCAL

const messageType = { newLink: 16n, getLink: 18n, newAddress: 20n, deleteAddress: 21n } as const;
const flags = { requestWithAck: 0x5n, dump: 0x300n, createExclusive: 0x600n } as const;

interface Answer {
  errno: number;
  messages: { type: bigint; payload: Buffer }[];
}

/** One request on a socket of its own. */
async function ask(type: bigint, moreFlags: bigint, payload: Buffer): Promise<Answer> {
  const socket = await netlink.open({ family: routeProtocol });
  try {
    const header = { nlmsg_type: type, nlmsg_flags: flags.requestWithAck | moreFlags };
    const { errorCode, packets } = await socket.tryTalk({ header, payload });
    return {
      errno: errorCode,
      messages: packets.map((packet) => ({ type: packet.header.nlmsg_type, payload: packet.payload })),
    };
  } finally {
    await socket.close();
  }
}

/** struct ifaddrmsg for a /32 of scope host on the loopback link, and the address. */
function loopbackAddress(address: string): Buffer {
  const header = Buffer.from([familyIpv4, 32, 0, scopeHost, loopbackIndex, 0, 0, 0]);
  return Buffer.concat([header, attribute(localAddress, ipv4Bytes(address))]);
}

/** Adds `address`/32, scope host, to the host's loopback link; false where it was there. */
export async function addLoopbackAddress(address: string): Promise<boolean> {
  const { errno } = await ask(messageType.newAddress, flags.createExclusive, loopbackAddress(address));
  if (errno === 0) return true;
  if (errno === 17 /* EEXIST */) return false;
  throw new NetlinkError(`adding ${address} to the loopback link`, errno, undefined);
}

/** Removes what {@link addLoopbackAddress} added; false where it was not there. */
export async function removeLoopbackAddress(address: string): Promise<boolean> {
  const { errno } = await ask(messageType.deleteAddress, 0n, loopbackAddress(address));
  if (errno === 0) return true;
  if (errno === 99 /* EADDRNOTAVAIL */) return false;
  throw new NetlinkError(`removing ${address} from the loopback link`, errno, undefined);
}

/** All links of the host. */
export async function listLinks(): Promise<Link[]> {
  const { errno, messages } = await ask(messageType.getLink, flags.dump, Buffer.alloc(16));
  if (errno !== 0) throw new NetlinkError('listing the links of the host', errno, undefined);
  return messages
    .filter((message) => message.type === messageType.newLink)
    .map((message) => parseLink(message.payload));
}
