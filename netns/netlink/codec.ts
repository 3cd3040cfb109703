/**
 * Netlink messages as bytes: headers, attributes, error messages (netlink(7), Linux include/uapi/linux/netlink.h).
 * Knows no family: what types and attributes mean is up to the operations.
 *
 * Netlink is in the machine's byte order; rkt is built for little-endian machines only (x64, arm64).
 */

export const headerSize = 16;
const attributeHeaderSize = 4;

/** nlmsg_flags. Several bits mean different things for requests that create, delete and get. */
export const flag = {
  request: 0x001,
  multi: 0x002,
  ack: 0x004,
  dumpInterrupted: 0x010,
  /** Error messages: the request is not repeated in them. */
  capped: 0x100,
  /** Error messages: attributes follow. */
  ackAttributes: 0x200,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
} as const;

/** nlmsg_type of the messages that every family shares. */
export const controlType = { noop: 1, error: 2, done: 3, overrun: 4 } as const;

const nestedBit = 0x8000;
const typeMask = 0x3fff;

/** One message as received. */
export interface NetlinkMessage {
  type: number;
  flags: number;
  sequence: number;
  payload: Buffer;
}

/** What the kernel says about a request in an NLMSG_ERROR or NLMSG_DONE message. */
export interface Outcome {
  /** Positive errno, or 0 for success. */
  errno: number;
  /** The kernel's own words (NLMSGERR_ATTR_MSG), where it has any. */
  explanation: string | undefined;
}

/** A message that cannot be taken apart. Never expected from a kernel. */
export class MalformedNetlinkError extends Error {
  constructor(what: string) {
    super(`malformed netlink message: ${what}`);
    this.name = 'MalformedNetlinkError';
  }
}

const align = (length: number): number => (length + 3) & ~3;

/** An attribute, padded to 4 bytes. */
export function attribute(type: number, data: Uint8Array): Buffer {
  const length = attributeHeaderSize + data.length;
  if (length > 0xffff) throw new RangeError(`netlink attribute ${type} of ${data.length} bytes`);
  const buffer = Buffer.alloc(align(length));
  buffer.writeUInt16LE(length, 0);
  buffer.writeUInt16LE(type, 2);
  buffer.set(data, attributeHeaderSize);
  return buffer;
}

/** A 32-bit number in the machine's byte order, as rtnetlink has them. */
export function u32(type: number, value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeUInt32LE(value);
  return attribute(type, data);
}

/** A 32-bit number in network byte order, as nf_tables has them. Negative numbers are two's complement. */
export function u32be(type: number, value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeUInt32BE(value >>> 0);
  return attribute(type, data);
}

/** A string with its terminating NUL. */
export function string(type: number, text: string): Buffer {
  return attribute(type, Buffer.from(`${text}\0`));
}

/** An attribute that holds attributes; `prefix` is a fixed structure before them (as in VETH_INFO_PEER). */
export function nested(type: number, attributes: Uint8Array[], prefix?: Uint8Array): Buffer {
  return attribute(type | nestedBit, Buffer.concat(prefix === undefined ? attributes : [prefix, ...attributes]));
}

/** A whole message: header, fixed structure of the family, attributes. */
export function message(type: number, flags: number, sequence: number, body: Uint8Array[]): Buffer {
  const payload = Buffer.concat(body);
  const buffer = Buffer.alloc(align(headerSize + payload.length));
  buffer.writeUInt32LE(headerSize + payload.length, 0);
  buffer.writeUInt16LE(type, 4);
  buffer.writeUInt16LE(flags, 6);
  buffer.writeUInt32LE(sequence, 8);
  buffer.set(payload, headerSize);
  return buffer;
}

/** Takes received datagrams apart. Throws {@link MalformedNetlinkError} where lengths do not add up. */
export function parseMessages(datagrams: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  let offset = 0;
  while (offset < datagrams.length) {
    const left = datagrams.length - offset;
    if (left < headerSize) throw new MalformedNetlinkError(`${left} bytes where a header is expected`);
    const length = datagrams.readUInt32LE(offset);
    if (length < headerSize || length > left) throw new MalformedNetlinkError(`length ${length}, ${left} bytes left`);
    messages.push({
      type: datagrams.readUInt16LE(offset + 4),
      flags: datagrams.readUInt16LE(offset + 6),
      sequence: datagrams.readUInt32LE(offset + 8),
      payload: datagrams.subarray(offset + headerSize, offset + length),
    });
    offset += align(length);
  }
  return messages;
}

/** Attributes by type, without the nested and byte-order bits; of several with one type, the last. Strict about lengths. */
export function parseAttributes(data: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  let offset = 0;
  while (offset < data.length) {
    const left = data.length - offset;
    if (left < attributeHeaderSize) throw new MalformedNetlinkError(`${left} bytes where an attribute is expected`);
    const length = data.readUInt16LE(offset);
    const type = data.readUInt16LE(offset + 2) & typeMask;
    if (length < attributeHeaderSize || length > left) {
      throw new MalformedNetlinkError(`attribute ${type} of length ${length}, ${left} bytes left`);
    }
    attributes.set(type, data.subarray(offset + attributeHeaderSize, offset + length));
    offset += align(length);
  }
  return attributes;
}

/** The string of an attribute, up to its NUL. */
export function textOf(data: Buffer): string {
  const end = data.indexOf(0);
  return data.toString('utf8', 0, end === -1 ? data.length : end);
}

/** The number of an attribute of 4 bytes in the machine's byte order. */
export function numberOf(data: Buffer): number {
  if (data.length !== 4) throw new MalformedNetlinkError(`a number of ${data.length} bytes`);
  return data.readUInt32LE();
}

const attributeMessage = 1; // NLMSGERR_ATTR_MSG

/** How a request ended; undefined for a message that does not end one. */
export function outcomeOf(received: NetlinkMessage): Outcome | undefined {
  const { type, flags, payload } = received;
  if (type !== controlType.error && type !== controlType.done) return undefined;
  // A dump's end carries its errno since Linux 4.15, nothing before.
  if (payload.length < 4) {
    if (type === controlType.done) return { errno: 0, explanation: undefined };
    throw new MalformedNetlinkError(`an error of ${payload.length} bytes`);
  }
  const errno = -payload.readInt32LE(0);
  return { errno: errno === 0 ? 0 : errno, explanation: explanationOf(type, flags, payload) };
}

function explanationOf(type: number, flags: number, payload: Buffer): string | undefined {
  if ((flags & flag.ackAttributes) === 0) return undefined;
  let start = 4;
  if (type === controlType.error) {
    // The header of the request, and unless it was capped, the rest of it.
    if (payload.length < 4 + headerSize) throw new MalformedNetlinkError(`an error of ${payload.length} bytes`);
    const request = (flags & flag.capped) === 0 ? payload.readUInt32LE(4) : headerSize;
    start += align(request);
  }
  if (start > payload.length) throw new MalformedNetlinkError('an error shorter than the request it repeats');
  const text = parseAttributes(payload.subarray(start)).get(attributeMessage);
  return text === undefined ? undefined : textOf(text);
}
