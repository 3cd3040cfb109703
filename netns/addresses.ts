/** IPv4 addresses of links over rtnetlink: rtnetlink(7), Linux include/uapi/linux/if_addr.h. */

import { ipv4Bytes, ipv4FromBytes } from './ipv4.ts';
import { attribute, flag, parseAttributes } from './netlink/codec.ts';
import type { NetlinkRequest } from './netlink/socket.ts';

const newAddressType = 20;
const getAddressesType = 22;
const attributeType = { address: 1, local: 2 } as const;
const familyIpv4 = 2;

export interface Address {
  linkIndex: number;
  address: string;
  prefixLength: number;
}

/** struct ifaddrmsg. */
function addressHeader(linkIndex: number, prefixLength: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(familyIpv4, 0);
  header.writeUInt8(prefixLength, 1);
  header.writeUInt32LE(linkIndex, 4);
  return header;
}

/** Gives a link an address, with the route to its network that goes with it; no error where it has it already. */
export function newAddress({ linkIndex, address, prefixLength }: Address): NetlinkRequest {
  const bytes = ipv4Bytes(address);
  return {
    type: newAddressType,
    flags: flag.create | flag.replace,
    body: [
      addressHeader(linkIndex, prefixLength),
      attribute(attributeType.local, bytes),
      attribute(attributeType.address, bytes),
    ],
    doing: `adding the address ${address}/${prefixLength}`,
  };
}

/** Dumps all IPv4 addresses; the answers are for {@link parseAddress}. */
export function getAddresses(): NetlinkRequest {
  return { type: getAddressesType, flags: 0, body: [addressHeader(0, 0)], doing: 'listing addresses' };
}

/** Takes the payload of an RTM_NEWADDR message apart. */
export function parseAddress(payload: Buffer): Address {
  const attributes = parseAttributes(payload.subarray(8));
  const local = attributes.get(attributeType.local) ?? attributes.get(attributeType.address);
  return {
    linkIndex: payload.readUInt32LE(4),
    address: local === undefined ? '' : ipv4FromBytes(local),
    prefixLength: payload.readUInt8(1),
  };
}
