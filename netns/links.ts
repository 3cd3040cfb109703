/** Network links over rtnetlink: rtnetlink(7), Linux include/uapi/linux/if_link.h. */

import { flag, nested, numberOf, parseAttributes, string, textOf, u32 } from './netlink/codec.ts';
import { NetlinkError, type NetlinkRequest, type NetlinkTransport } from './netlink/socket.ts';

const messageType = { newLink: 16, deleteLink: 17, getLink: 18 } as const;
const attributeType = {
  name: 3,
  mtu: 4,
  link: 5,
  linkInfo: 18,
  netnsFd: 28,
  extendedMask: 29,
  txQueues: 31,
  rxQueues: 32,
} as const;
const infoKind = 1;
const infoData = 2;
const vethPeer = 1;
const skipStatistics = 1 << 3;

const interfaceUp = 1;

/** A link as the kernel describes it. */
export interface Link {
  index: number;
  name: string;
  up: boolean;
  /** The index of the other end for a veth, in the other end's namespace. */
  peerIndex: number | undefined;
  mtu: number;
}

/** struct ifinfomsg. */
function linkHeader(index: number, flags: number, change: number): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(change, 12);
  return header;
}

export interface VethOptions {
  /** The end that stays. Both are made down, so that they can be configured before anything happens on them. */
  name: string;
  /** The other end, made directly inside its namespace. */
  peer: { name: string; netnsFd: number };
  mtu?: number | undefined;
}

/** Makes both ends at once; EEXIST where either name is taken. */
export function newVeth(options: VethOptions): NetlinkRequest {
  const common = [
    // One queue is all that a link needs which no hardware serves; the default is one for each processor.
    u32(attributeType.txQueues, 1),
    u32(attributeType.rxQueues, 1),
    ...(options.mtu === undefined ? [] : [u32(attributeType.mtu, options.mtu)]),
  ];
  const peer = nested(
    vethPeer,
    [string(attributeType.name, options.peer.name), u32(attributeType.netnsFd, options.peer.netnsFd), ...common],
    linkHeader(0, 0, 0),
  );
  return {
    type: messageType.newLink,
    flags: flag.create | flag.exclusive,
    body: [
      linkHeader(0, 0, 0),
      string(attributeType.name, options.name),
      ...common,
      nested(attributeType.linkInfo, [string(infoKind, 'veth'), nested(infoData, [peer])]),
    ],
    doing: `making the link ${options.name}`,
  };
}

/** Sets a link up. */
export function setLinkUp(index: number, name: string): NetlinkRequest {
  return {
    type: messageType.newLink,
    flags: 0,
    body: [linkHeader(index, interfaceUp, interfaceUp)],
    doing: `setting up the link ${name}`,
  };
}

/** Deletes a link, and with a veth its other end. By name, as an index may belong to another link by now. */
export function deleteLink(name: string): NetlinkRequest {
  return {
    type: messageType.deleteLink,
    flags: 0,
    body: [linkHeader(0, 0, 0), string(attributeType.name, name)],
    doing: `deleting the link ${name}`,
  };
}

/** Asks for one link by name; the answer is for {@link parseLink}. ENODEV where there is none. */
export function getLink(name: string): NetlinkRequest {
  return {
    type: messageType.getLink,
    flags: 0,
    body: [linkHeader(0, 0, 0), string(attributeType.name, name), u32(attributeType.extendedMask, skipStatistics)],
    doing: `looking for the link ${name}`,
  };
}

/** Takes the payload of an RTM_NEWLINK message apart. */
export function parseLink(payload: Buffer): Link {
  const attributes = parseAttributes(payload.subarray(16));
  const name = attributes.get(attributeType.name);
  const mtu = attributes.get(attributeType.mtu);
  const peer = attributes.get(attributeType.link);
  return {
    index: payload.readInt32LE(4),
    name: name === undefined ? '' : textOf(name),
    up: (payload.readUInt32LE(8) & interfaceUp) !== 0,
    peerIndex: peer === undefined ? undefined : numberOf(peer),
    mtu: mtu === undefined ? 0 : numberOf(mtu),
  };
}

/** The link of that name, or undefined. */
export function findLink(socket: NetlinkTransport, name: string): Link | undefined {
  try {
    const answer = socket.transact([getLink(name)])[0]?.[0];
    return answer === undefined ? undefined : parseLink(answer.payload);
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENODEV') return undefined;
    throw error;
  }
}

/** Deletes the link of that name if there is one; true if there was. */
export function removeLink(socket: NetlinkTransport, name: string): boolean {
  try {
    socket.transact([deleteLink(name)]);
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENODEV') return false;
    throw error;
  }
}
