/** IPv4 addresses as text, numbers and bytes in network order. */

/** The four bytes of a dotted quad. Throws a RangeError for anything else. */
export function ipv4Bytes(address: string): Buffer {
  const number = ipv4Number(address);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

/** A dotted quad as an unsigned number; leading zeros are refused, as they would be octal to some. */
export function ipv4Number(address: string): number {
  const parts = address.split('.');
  if (parts.length !== 4 || parts.some((part) => !/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255)) {
    throw new RangeError(`not an IPv4 address: ${JSON.stringify(address)}`);
  }
  return parts.reduce((number, part) => number * 256 + Number(part), 0);
}

/** The dotted quad of an unsigned number. */
export function ipv4Text(number: number): string {
  return [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255].join('.');
}

/** The dotted quad of four bytes in network order. */
export function ipv4FromBytes(bytes: Uint8Array): string {
  if (bytes.length !== 4) throw new RangeError(`not an IPv4 address: ${bytes.length} bytes`);
  return bytes.join('.');
}
