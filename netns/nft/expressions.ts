/**
 * The expressions that rules are made of. A rule loads values into registers, compares or looks them up, and goes on to the
 * next expression only where they match (Linux include/uapi/linux/netfilter/nf_tables.h; `nft --debug=netlink` shows them).
 */

import { attribute, nested, string, u32be } from '../netlink/codec.ts';

const listElement = 1;
const expressionName = 1;
const expressionData = 2;
const dataValue = 1;
const dataVerdict = 2;
const verdictCode = 1;
const verdict = { drop: 0, accept: 1 } as const;
const registerVerdict = 0;
const networkHeader = 1;
const transportHeader = 2;

/**
 * 1 and 2 are registers of 16 bytes each; they lie one after another, so that a lookup may span two. From 8 on they are counted in
 * parts of 4 bytes: 8 is the beginning of 1.
 */
type Register = 1 | 2 | 8 | 9 | 10 | 11;

function expression(name: string, attributes: Uint8Array[]): Buffer {
  return nested(listElement, [string(expressionName, name), nested(expressionData, attributes)]);
}

/** Offsets of the addresses in an IPv4 header. */
export const ipv4Offset = { source: 12, destination: 16 } as const;

/** Loads an address of the packet. */
export function loadAddress(which: keyof typeof ipv4Offset, register: Register = 1): Buffer {
  return expression('payload', [
    u32be(1, register),
    u32be(2, networkHeader),
    u32be(3, ipv4Offset[which]),
    u32be(4, 4), // bytes
  ]);
}

const metaKey = { mark: 3, inputName: 6, outputName: 7, protocol: 16 } as const;

/** Loads the name of the link that the packet came in or goes out by, padded to 16 bytes. */
export function loadLinkName(which: 'inputName' | 'outputName', register: Register = 1): Buffer {
  return expression('meta', [u32be(1, register), u32be(2, metaKey[which])]);
}

/** Goes on where register 1 starts with `value`, or with 'differs' where it does not. */
export function compare(how: 'equals' | 'differs', value: Uint8Array): Buffer {
  return expression('cmp', [u32be(1, 1), u32be(2, how === 'equals' ? 0 : 1), nested(3, [attribute(dataValue, value)])]);
}

/** Goes on where what begins in register 1 is in the set, or is 'absent' from it. */
export function lookUp(how: 'present' | 'absent', set: string): Buffer {
  return expression('lookup', [string(1, set), u32be(2, 1), u32be(5, how === 'absent' ? 1 : 0)]);
}

/** Keeps only the bits of `mask` in register 1. */
export function maskWith(mask: Uint8Array): Buffer {
  return expression('bitwise', [
    u32be(1, 1),
    u32be(2, 1),
    u32be(3, mask.length),
    nested(4, [attribute(dataValue, mask)]),
    nested(5, [attribute(dataValue, Buffer.alloc(mask.length))]),
  ]);
}

function decide(what: keyof typeof verdict): Buffer {
  const code = nested(dataVerdict, [u32be(verdictCode, verdict[what])]);
  return expression('immediate', [u32be(1, registerVerdict), nested(2, [code])]);
}

/** Throws the packet away. */
export const drop = (): Buffer => decide('drop');

/** Lets the packet pass this chain; other chains may still stop it. */
export const accept = (): Buffer => decide('accept');

const protocolTcp = 6;

/** Goes on where the packet is of TCP and has this destination port. */
export function tcpTo(port: number): Buffer[] {
  return [
    expression('meta', [u32be(1, 1), u32be(2, metaKey.protocol)]),
    compare('equals', Buffer.of(protocolTcp)),
    expression('payload', [u32be(1, 1), u32be(2, transportHeader), u32be(3, 2), u32be(4, 2)]),
    compare('equals', portBytes(port)),
  ];
}

const trackingKey = { state: 0, direction: 1, status: 2, destinationPort: 12 } as const;
const directionOriginal = 0;

/**
 * Loads what connection tracking knows of the packet's connection, as bits. The state can always be loaded; the status of a packet that is
 * not tracked cannot, and the rule ends there.
 */
function loadTracking(key: keyof typeof trackingKey): Buffer {
  return expression('ct', [u32be(2, trackingKey[key]), u32be(1, 1)]);
}

/** A 32-bit number as the kernel has it in a register. */
function bits(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const stateBits = { established: 2, related: 4 } as const;
const statusRedirected = 1 << 5; // IPS_DST_NAT

/** Goes on unless the packet belongs to a connection that both ends have agreed to, or is an error message about one. */
export function isUnsolicited(): Buffer[] {
  const mask = bits(stateBits.established | stateBits.related);
  return [loadTracking('state'), maskWith(mask), compare('equals', bits(0))];
}

/** Goes on where the packet belongs, in either direction, to a connection whose destination was replaced. */
export function isRedirected(): Buffer[] {
  return [loadTracking('status'), maskWith(bits(statusRedirected)), compare('differs', bits(0))];
}

/** Goes on where the packet, on its way through this host, was marked so. */
export const isMarked = (mark: number): Buffer[] => [
  expression('meta', [u32be(1, 1), u32be(2, metaKey.mark)]),
  compare('equals', bits(mark)),
];

/** Marks the packet, for chains that come later. */
export const setMark = (mark: number): Buffer[] => [
  loadValue(1, bits(mark)),
  expression('meta', [u32be(2, metaKey.mark), u32be(3, 1)]),
];

function loadValue(register: Register, value: Uint8Array): Buffer {
  return expression('immediate', [u32be(1, register), nested(2, [attribute(dataValue, value)])]);
}

/** Replaces the packet's destination. */
export function redirect(address: Uint8Array, port: number): Buffer[] {
  return [
    loadValue(1, address),
    loadValue(2, portBytes(port)),
    expression('nat', [u32be(1, natDestination), u32be(2, familyIpv4), u32be(3, 1), u32be(5, 2)]),
  ];
}

const natDestination = 1;
const familyIpv4 = 2;

function portBytes(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(port);
  return bytes;
}

/** Loads the protocol and the destination port, after the destination address for the map `at`, from register 1 on. */
export function loadPortKey(map: 'any' | 'at'): Buffer[] {
  const [protocol, port] = map === 'at' ? ([9, 10] as const) : ([8, 9] as const);
  return [
    ...(map === 'at' ? [loadAddress('destination', 8)] : []),
    expression('meta', [u32be(1, protocol), u32be(2, metaKey.protocol)]),
    expression('payload', [u32be(1, port), u32be(2, transportHeader), u32be(3, 2), u32be(4, 2)]),
  ];
}

/**
 * Goes on where the packet is one of whoever began its connection. Then loads, from register 1 on: protocol, the port that the connection
 * was made to, and the address and port that it leads to.
 */
export function loadRedirection(): Buffer[] {
  return [
    expression('ct', [u32be(2, trackingKey.direction), u32be(1, 1)]),
    compare('equals', Buffer.of(directionOriginal)),
    expression('meta', [u32be(1, 8), u32be(2, metaKey.protocol)]),
    expression('ct', [u32be(2, trackingKey.destinationPort), u32be(1, 9), attribute(3, Buffer.of(directionOriginal))]),
    loadAddress('destination', 10),
    expression('payload', [u32be(1, 11), u32be(2, transportHeader), u32be(3, 2), u32be(4, 2)]),
  ];
}

/** Replaces the packet's destination by the address and port that the map has for what begins in register 1; goes on where it has none. */
export function redirectBy(map: string): Buffer[] {
  return [
    expression('lookup', [string(1, map), u32be(2, 1), u32be(3, 1)]),
    expression('nat', [u32be(1, natDestination), u32be(2, familyIpv4), u32be(3, 8), u32be(5, 9)]),
  ];
}

const fib = { addressType: 3, ofDestination: 2 } as const;
const routeLocal = 2; // RTN_LOCAL

/** Goes on where the packet is for an address of this host. */
export function isLocalDestination(): Buffer[] {
  return [
    expression('fib', [u32be(1, 1), u32be(2, fib.addressType), u32be(3, fib.ofDestination)]),
    compare('equals', bits(routeLocal)),
  ];
}

/** Replaces the source address by that of the link the packet goes out by. */
export function masquerade(): Buffer {
  return expression('masq', []);
}
