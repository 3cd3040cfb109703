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
const verdictDrop = 0;
const registerVerdict = 0;
const networkHeader = 1;

/** Registers of 16 bytes each; they lie one after another, so that a lookup may span two. */
type Register = 1 | 2;

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

const metaKey = { inputName: 6, outputName: 7 } as const;

/** Loads the name of the link that the packet came in or goes out by, padded to 16 bytes. */
export function loadLinkName(which: keyof typeof metaKey, register: Register = 1): Buffer {
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

/** Throws the packet away. */
export function drop(): Buffer {
  const verdict = nested(dataVerdict, [u32be(verdictCode, verdictDrop)]);
  return expression('immediate', [u32be(1, registerVerdict), nested(2, [verdict])]);
}

/** Replaces the source address by that of the link the packet goes out by. */
export function masquerade(): Buffer {
  return expression('masq', []);
}
