import { Header } from 'tar/header';
import { ArchiveError } from './errors.ts';
import { type PaxRecords, parsePaxTime, type Timestamp } from './pax.ts';
import { oldSparseMap, paxSparseMap, type SparseMap } from './tar-sparse.ts';

export type EntryType = 'file' | 'hardlink' | 'symlink' | 'directory' | 'character' | 'block' | 'fifo';

/** One file of an archive with everything that the archive says of it. Names are raw bytes. */
export interface TarEntry {
  type: EntryType;
  path: Buffer;
  /** Target of a link; empty otherwise. */
  link: Buffer;
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of content. */
  size: number;
  mtime: Timestamp;
  device: { major: number; minor: number };
  xattrs: Map<string, Buffer>;
}

export const blockSize = 512;

const xattrPrefix = 'SCHILY.xattr.';

/** Types by the names that npm's tar has for the header's type flag. */
const types: ReadonlyMap<string, EntryType> = new Map([
  ['File', 'file'],
  ['OldFile', 'file'],
  ['ContiguousFile', 'file'],
  ['SparseFile', 'file'],
  ['Link', 'hardlink'],
  ['SymbolicLink', 'symlink'],
  ['Directory', 'directory'],
  ['CharacterDevice', 'character'],
  ['BlockDevice', 'block'],
  ['FIFO', 'fifo'],
]);

/** Decodes a header block with npm's tar, which checks the checksum and knows every form of number. */
export function decodeHeader(block: Buffer): Header {
  let header: Header;
  try {
    header = new Header(block);
  } catch (error) {
    throw new ArchiveError('it has a damaged tar header', error);
  }
  if (!header.nullBlock && !header.cksumValid) throw new ArchiveError('it has a damaged tar header');
  return header;
}

function untilNul(block: Buffer, start: number, length: number): Buffer {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end));
}

/** The name in a ustar header, whose front part may stand in a field of its own; GNU tar uses that field otherwise. */
function headerName(block: Buffer): Buffer {
  const name = untilNul(block, 0, 100);
  if (block.toString('latin1', 257, 263) !== 'ustar\0') return name;
  // star puts times behind a shorter prefix and marks the block's end.
  const prefix = untilNul(block, 345, block.toString('latin1', 508, 512) === 'tar\0' ? 131 : 155);
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
}

/** npm's tar reads device numbers of ustar archives only, not of GNU ones. */
function deviceNumber(block: Buffer, start: number): number {
  const text = untilNul(block, start, 8).toString('latin1').trim();
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text)) throw new ArchiveError('it has a damaged tar header');
  return Number.parseInt(text, 8);
}

function paxNumber(records: PaxRecords, key: string): number | undefined {
  const text = records.get(key)?.toString('latin1');
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value))
    throw new ArchiveError('it has a damaged extended header');
  return value;
}

function paxTime(records: PaxRecords): Timestamp | undefined {
  const text = records.get('mtime')?.toString('latin1');
  if (text === undefined) return undefined;
  const time = parsePaxTime(text);
  if (time === undefined) throw new ArchiveError('it has a damaged extended header');
  return time;
}

/** The map of a sparse file; undefined for any other. */
function sparseMapOf(header: Header, block: Buffer, records: PaxRecords): SparseMap | undefined {
  const stored = inRange(paxNumber(records, 'size') ?? header.size ?? 0, Number.MAX_SAFE_INTEGER, 'size');
  return header.type === 'SparseFile' ? oldSparseMap(block, stored) : paxSparseMap(records, stored);
}

function xattrsOf(records: PaxRecords): Map<string, Buffer> {
  const xattrs = new Map<string, Buffer>();
  for (const [key, value] of records) {
    if (key.startsWith(xattrPrefix)) xattrs.set(key.slice(xattrPrefix.length), value);
  }
  return xattrs;
}

/** What the blocks before an entry said of it. */
export interface EntryContext {
  records: PaxRecords;
  longName: Buffer | undefined;
  longLink: Buffer | undefined;
}

function inRange(value: number | undefined, max: number, what: string): number {
  if (value === undefined || !Number.isInteger(value) || value < 0 || value > max) {
    throw new ArchiveError(`it has an entry whose ${what} is out of range`);
  }
  return value;
}

export interface DecodedEntry {
  readonly entry: TarEntry;
  /** How its content is spread, where it is a sparse file. */
  readonly sparse: SparseMap | undefined;
}

/** Puts together what the header block and the headers before it say. Later forms win over older ones. */
export function decodeEntry(
  header: Header,
  block: Buffer,
  { records, longName, longLink }: EntryContext,
): DecodedEntry {
  const path = records.get('GNU.sparse.name') ?? records.get('path') ?? longName ?? headerName(block);
  const flag = header.type;
  let type = types.get(String(flag));
  if (type === undefined) throw new ArchiveError(`it has an entry of a type that images cannot have (${String(flag)})`);
  if (type === 'file' && path.at(-1) === 0x2f) type = 'directory';
  const sparse = type === 'file' ? sparseMapOf(header, block, records) : undefined;
  const stored = paxNumber(records, 'size') ?? header.size ?? 0;
  const size = type === 'file' ? inRange(sparse?.size ?? stored, Number.MAX_SAFE_INTEGER, 'size') : 0;
  const isDevice = type === 'character' || type === 'block';
  const entry: TarEntry = {
    type,
    path,
    link:
      type === 'hardlink' || type === 'symlink'
        ? (records.get('linkpath') ?? longLink ?? untilNul(block, 157, 100))
        : Buffer.alloc(0),
    mode: (header.mode ?? 0) & 0o7777,
    uid: inRange(paxNumber(records, 'uid') ?? header.uid ?? 0, 2 ** 32 - 2, 'owner'),
    gid: inRange(paxNumber(records, 'gid') ?? header.gid ?? 0, 2 ** 32 - 2, 'group'),
    size,
    mtime: paxTime(records) ?? { sec: Math.floor((header.mtime?.getTime() ?? 0) / 1000), nsec: 0 },
    device: isDevice ? { major: deviceNumber(block, 329), minor: deviceNumber(block, 337) } : { major: 0, minor: 0 },
    xattrs: xattrsOf(records),
  };
  return { entry, sparse };
}
