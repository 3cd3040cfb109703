/** Writing of tar archives: ustar blocks by npm's tar, and pax records for everything that does not fit into them. */

import { isUtf8 } from 'node:buffer';
import { Header } from 'tar/header';
import { formatPaxRecord } from './pax.ts';
import { blockSize, type EntryType, type TarEntry } from './tar-entry.ts';

const typeNames = {
  file: 'File',
  hardlink: 'Link',
  symlink: 'SymbolicLink',
  directory: 'Directory',
  character: 'CharacterDevice',
  block: 'BlockDevice',
  fifo: 'FIFO',
} as const satisfies Record<EntryType, string>;

/** The largest numbers that octal digits of a ustar header hold. */
const maxHeaderId = 0o7777777;
const maxHeaderSize = 0o77777777777;

/** What name and prefix of a header hold together at most. */
const headerPath = 255;

const isAscii = (bytes: Buffer): boolean => bytes.every((byte) => byte >= 0x20 && byte < 0x7f);

/** Text for a header field when the real value stands in a pax record. */
const asciiOf = (bytes: Buffer): string => bytes.toString('latin1').replace(/[^ -~]/g, '_');

function encodeBlock(header: Header): { block: Buffer; fits: boolean } {
  const block = Buffer.alloc(blockSize);
  const fits = !header.encode(block);
  return { block, fits };
}

function headerOf(entry: TarEntry): Header {
  const header = new Header({
    path: asciiOf(entry.path).slice(0, headerPath),
    mode: entry.mode,
    uid: Math.min(entry.uid, maxHeaderId),
    gid: Math.min(entry.gid, maxHeaderId),
    size: Math.min(entry.size, maxHeaderSize),
    mtime: new Date(Math.min(Math.max(entry.mtime.sec, 0), maxHeaderSize) * 1000),
    linkpath: asciiOf(entry.link).slice(0, 99),
    devmaj: entry.device.major,
    devmin: entry.device.minor,
  });
  header.type = typeNames[entry.type];
  return header;
}

function formatTime({ sec, nsec }: TarEntry['mtime']): string {
  // pax writes a negative time as a negative decimal: -1.5 is half a second before -1.
  if (sec >= 0 || nsec === 0) return nsec === 0 ? String(sec) : `${sec}.${String(nsec).padStart(9, '0')}`;
  return `-${-sec - 1}.${String(1_000_000_000 - nsec).padStart(9, '0')}`;
}

function paxRecords(entry: TarEntry, fits: boolean): Buffer {
  const records: [string, Uint8Array | string][] = [];
  const longPath = !fits || entry.path.length > headerPath || !isAscii(entry.path);
  const longLink = entry.link.length > 99 || !isAscii(entry.link);
  if (longPath && !isUtf8(entry.path)) records.push(['hdrcharset', 'BINARY']);
  else if (longLink && !isUtf8(entry.link)) records.push(['hdrcharset', 'BINARY']);
  if (longPath) records.push(['path', entry.path]);
  if (longLink) records.push(['linkpath', entry.link]);
  if (entry.size > maxHeaderSize) records.push(['size', String(entry.size)]);
  if (entry.uid > maxHeaderId) records.push(['uid', String(entry.uid)]);
  if (entry.gid > maxHeaderId) records.push(['gid', String(entry.gid)]);
  const { sec, nsec } = entry.mtime;
  if (nsec !== 0 || sec < 0 || sec > maxHeaderSize) records.push(['mtime', formatTime(entry.mtime)]);
  for (const [name, value] of [...entry.xattrs].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    records.push([`SCHILY.xattr.${name}`, value]);
  }
  return Buffer.concat(records.map(([key, value]) => formatPaxRecord(key, value)));
}

/** Zeros that fill the last block of `size` bytes. */
export function paddingOf(size: number): Buffer {
  return Buffer.alloc((blockSize - (size % blockSize)) % blockSize);
}

/** The blocks before an entry's content. */
export function encodeEntry(entry: TarEntry): Buffer {
  const { block, fits } = encodeBlock(headerOf(entry));
  const records = paxRecords(entry, fits);
  if (records.length === 0) return block;
  const name = asciiOf(entry.path.subarray(entry.path.lastIndexOf(0x2f, -2) + 1)).slice(0, 80);
  const header = new Header({
    path: `PaxHeader/${name.replace(/\/$/, '')}`,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: records.length,
  });
  header.type = 'ExtendedHeader';
  header.mtime = new Date(0);
  return Buffer.concat([encodeBlock(header).block, records, paddingOf(records.length), block]);
}

/** The two blocks of zeros that end an archive. */
export const endOfArchive = Buffer.alloc(2 * blockSize);
