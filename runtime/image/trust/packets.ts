/** OpenPGP files from outside: armored or binary, possibly several blocks one after another (RFC 9580, section 6.2). */

/** What a file holds, told from its first block or packet. */
export type Kind = 'signature' | 'public key' | 'secret key' | 'clearsigned text' | 'message' | 'nothing' | 'unknown';

export interface Contents {
  readonly kind: Kind;
  /** Armored blocks with their frames; undefined for a binary file. */
  readonly blocks: readonly string[] | undefined;
}

const armorKinds: Readonly<Record<string, Kind>> = {
  SIGNATURE: 'signature',
  'PUBLIC KEY BLOCK': 'public key',
  'PRIVATE KEY BLOCK': 'secret key',
  'SIGNED MESSAGE': 'clearsigned text',
  MESSAGE: 'message',
};

/** RFC 9580, section 5: packet types that begin a file. */
const tagKinds: Readonly<Record<number, Kind>> = {
  1: 'message',
  2: 'signature',
  3: 'message',
  4: 'message',
  5: 'secret key',
  6: 'public key',
  8: 'message',
  9: 'message',
  11: 'message',
  18: 'message',
};

/** Looks at a file without decoding it. All armored blocks must be of one kind, or the kind is unknown. */
export function contentsOf(bytes: Uint8Array): Contents {
  if (bytes.length === 0) return { kind: 'nothing', blocks: undefined };
  const first = bytes[0] as number;
  if ((first & 0x80) !== 0) {
    const tag = (first & 0x40) !== 0 ? first & 0x3f : (first >> 2) & 0x0f;
    return { kind: tagKinds[tag] ?? 'unknown', blocks: undefined };
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const heads = [...text.matchAll(/^-----BEGIN PGP ([A-Z ]+?)-----[ \t]*\r?$/gm)];
  const kinds = heads.map((head) => armorKinds[head[1] as string] ?? 'unknown');
  const kind = kinds[0] ?? (text.trim() === '' ? 'nothing' : 'unknown');
  if (kind === 'clearsigned text' || kind === 'nothing') return { kind, blocks: [] };
  if (kinds.some((other) => other !== kind)) return { kind: 'unknown', blocks: [] };
  return { kind, blocks: heads.map((head, index) => text.slice(head.index, heads[index + 1]?.index)) };
}
