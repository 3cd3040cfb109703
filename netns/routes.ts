/** IPv4 routes of the main table over rtnetlink: rtnetlink(7), Linux include/uapi/linux/rtnetlink.h. */

import { ipv4Bytes, ipv4FromBytes } from './ipv4.ts';
import { attribute, flag, parseAttributes, u32 } from './netlink/codec.ts';
import type { NetlinkRequest } from './netlink/socket.ts';

const newRouteType = 24;
const getRoutesType = 26;
const attributeType = { destination: 1, outLink: 4, gateway: 5 } as const;
const familyIpv4 = 2;
const mainTable = 254;
const protocolStatic = 4;
const scopeUniverse = 0;
const typeUnicast = 1;

export interface Route {
  /** The network's address; 0.0.0.0 with prefix length 0 is the default route. */
  destination: string;
  prefixLength: number;
  gateway: string | undefined;
}

/** struct rtmsg. */
function routeHeader(prefixLength: number, table: number, protocol: number, type: number): Buffer {
  return Buffer.from([familyIpv4, prefixLength, 0, 0, table, protocol, scopeUniverse, type, 0, 0, 0, 0]);
}

/** A route by way of `gateway`, which is reached on the link; no error where it is there already. */
export function newRoute(route: Route & { gateway: string; linkIndex: number }): NetlinkRequest {
  return {
    type: newRouteType,
    flags: flag.create | flag.replace,
    body: [
      routeHeader(route.prefixLength, mainTable, protocolStatic, typeUnicast),
      ...(route.prefixLength === 0 ? [] : [attribute(attributeType.destination, ipv4Bytes(route.destination))]),
      attribute(attributeType.gateway, ipv4Bytes(route.gateway)),
      u32(attributeType.outLink, route.linkIndex),
    ],
    doing: `adding the route to ${route.destination}/${route.prefixLength} by ${route.gateway}`,
  };
}

/** Dumps the IPv4 routes; the answers are for {@link parseRoute}. */
export function getRoutes(): NetlinkRequest {
  return { type: getRoutesType, flags: 0, body: [routeHeader(0, 0, 0, 0)], doing: 'listing routes' };
}

/** Takes the payload of an RTM_NEWROUTE message apart. Undefined for a route that is not a unicast one of the main table. */
export function parseRoute(payload: Buffer): Route | undefined {
  if (payload[4] !== mainTable || payload[7] !== typeUnicast) return undefined;
  const attributes = parseAttributes(payload.subarray(12));
  const destination = attributes.get(attributeType.destination);
  const gateway = attributes.get(attributeType.gateway);
  return {
    destination: destination === undefined ? '0.0.0.0' : ipv4FromBytes(destination),
    prefixLength: payload.readUInt8(1),
    gateway: gateway === undefined ? undefined : ipv4FromBytes(gateway),
  };
}
