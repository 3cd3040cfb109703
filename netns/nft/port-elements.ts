/** Elements of the two maps of ports-table.ts: one per forwarded port. */

import { ipv4Bytes, ipv4FromBytes } from '../ipv4.ts';
import { attribute, flag, nested, parseAttributes, string } from '../netlink/codec.ts';
import { NetlinkError, type NetlinkSocket } from '../netlink/socket.ts';
import type { PortForward, PortProtocol } from '../types.ts';
import { type NftChange, nftPayload, nftType } from './batch.ts';
import { portMaps, portSet, portsTableName } from './names.ts';

/** One element: a forwarded port, where it leads, and for which pod. */
export interface PortElement extends PortForward {
  /** The pod's address. */
  readonly ip: string;
  readonly uuid: string;
}

const protocolNumber: Record<PortProtocol, number> = { tcp: 6, udp: 17 };
const listElements = 3;
const listItem = 1;
const part = { key: 1, data: 2, userData: 6 } as const;
const dataValue = 1;
/** NFTNL_UDATA_SET_ELEM_COMMENT: what `nft` shows as the comment. */
const commentType = 0;

/** The port in network order, padded to a register. */
function portBytes(port: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16BE(port);
  return bytes;
}

function keyOf({ protocol, hostIp, hostPort }: PortForward): Buffer {
  const key = [Buffer.from([protocolNumber[protocol], 0, 0, 0]), portBytes(hostPort)];
  return Buffer.concat(hostIp === undefined ? key : [ipv4Bytes(hostIp), ...key]);
}

const mapOf = ({ hostIp }: PortForward): string => (hostIp === undefined ? portMaps.any : portMaps.at);

function commentOf(uuid: string): Buffer {
  const text = Buffer.from(`${uuid}\0`);
  return Buffer.concat([Buffer.from([commentType, text.length]), text]);
}

function value(type: number, data: Uint8Array): Buffer {
  return nested(type, [attribute(dataValue, data)]);
}

function change(type: number, flags: number, set: string, item: Buffer[], element: PortForward): NftChange {
  const doing = type === nftType.newElements ? 'forwarding' : 'no longer forwarding';
  return {
    type,
    flags,
    attributes: [string(1, portsTableName), string(2, set), nested(listElements, [nested(listItem, item)])],
    doing: `${doing} port ${element.hostPort} (${element.protocol})`,
  };
}

/** What a connection by this port looks like when it has been led on: the key in the set of those that are in force. */
function liveKey({ protocol, hostPort, ip, podPort }: PortElement): Buffer {
  const key = [
    Buffer.from([protocolNumber[protocol], 0, 0, 0]),
    portBytes(hostPort),
    ipv4Bytes(ip),
    portBytes(podPort),
  ];
  return Buffer.concat(key);
}

/** EEXIST where the port is forwarded already. */
export function addPort(element: PortElement): NftChange[] {
  const target = Buffer.concat([ipv4Bytes(element.ip), portBytes(element.podPort)]);
  const item = [
    value(part.key, keyOf(element)),
    value(part.data, target),
    attribute(part.userData, commentOf(element.uuid)),
  ];
  const { newElements } = nftType;
  return [
    change(newElements, flag.create | flag.exclusive, mapOf(element), item, element),
    // Not exclusive: the same port at two addresses of the host has one of these.
    change(newElements, flag.create, portSet, [value(part.key, liveKey(element))], element),
  ];
}

/** ENOENT where one is not forwarded. `others` stay: what they have in common with those that go stays as well. */
export function deletePorts(elements: readonly PortElement[], others: readonly PortElement[] = []): NftChange[] {
  const { deleteElements } = nftType;
  const kept = new Set(others.map((element) => liveKey(element).toString('hex')));
  return elements.flatMap((element) => {
    const live = liveKey(element);
    const shared = kept.has(live.toString('hex'));
    kept.add(live.toString('hex'));
    return [
      change(deleteElements, 0, mapOf(element), [value(part.key, keyOf(element))], element),
      ...(shared ? [] : [change(deleteElements, 0, portSet, [value(part.key, live)], element)]),
    ];
  });
}

/** Every element of both maps; empty where the table does not exist. */
export function listPorts(socket: NetlinkSocket): PortElement[] {
  try {
    return Object.values(portMaps).flatMap((map) => listMap(socket, map));
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return [];
    throw error;
  }
}

const familyIpv4 = 2;

function listMap(socket: NetlinkSocket, map: string): PortElement[] {
  const answers = socket.dump({
    type: (10 << 8) | nftType.getElements,
    flags: 0,
    body: [Buffer.from([familyIpv4, 0, 0, 0]), string(1, portsTableName), string(2, map)],
    doing: `listing the nf_tables map ${map}`,
  });
  return answers.flatMap((answer) => {
    const list = parseAttributes(nftPayload(answer)).get(listElements);
    return list === undefined ? [] : itemsOf(list).flatMap((item) => parseItem(item));
  });
}

/** The payloads of a list, whose attributes all have one type. */
function itemsOf(list: Buffer): Buffer[] {
  const items: Buffer[] = [];
  for (let at = 0; at + 4 <= list.length; ) {
    const length = list.readUInt16LE(at);
    if (length < 4 || at + length > list.length) break;
    items.push(list.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return items;
}

/** None for an element that is not of our making. */
function parseItem(item: Buffer): PortElement[] {
  const attributes = parseAttributes(item);
  const read = (type: number): Buffer | undefined => {
    const data = attributes.get(type);
    return data === undefined ? undefined : parseAttributes(data).get(dataValue);
  };
  const [key, target, userData] = [read(part.key), read(part.data), attributes.get(part.userData)];
  if (key === undefined || target?.length !== 8) return [];
  const port = key.subarray(-8);
  const protocol = port[0] === protocolNumber.tcp ? 'tcp' : port[0] === protocolNumber.udp ? 'udp' : undefined;
  if (protocol === undefined) return [];
  return [
    {
      protocol,
      ...(key.length === 12 ? { hostIp: ipv4FromBytes(key.subarray(0, 4)) } : {}),
      hostPort: port.readUInt16BE(4),
      ip: ipv4FromBytes(target.subarray(0, 4)),
      podPort: target.readUInt16BE(4),
      uuid: userData === undefined ? '' : userData.toString('latin1', 2).replace(/\0.*$/s, ''),
    },
  ];
}
