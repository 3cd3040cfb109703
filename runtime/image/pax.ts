/**
 * Extended headers of the pax format (POSIX.1-2008, pax, "pax Extended Header"): records `LENGTH KEY=VALUE\n`. They are
 * handled as bytes, because values of extended attributes are binary and names need not be UTF-8; npm's tar decodes both as
 * UTF-8 and drops the attributes.
 */

import { ArchiveError } from './errors.ts';

export type PaxRecords = Map<string, Buffer>;

const space = 0x20;
const newline = 0x0a;
const equals = 0x3d;
const comma = Buffer.from(',');

/** Parses a block of records on top of `base`. An empty value takes a record away again. */
export function parsePax(block: Buffer, base?: PaxRecords): PaxRecords {
  const records: PaxRecords = new Map(base);
  let at = 0;
  while (at < block.length) {
    const gap = block.indexOf(space, at);
    const digits = gap < 0 ? '' : block.toString('latin1', at, gap);
    const end = at + Number(digits);
    if (!/^[0-9]{1,10}$/.test(digits) || end <= gap + 1 || end > block.length || block[end - 1] !== newline) {
      throw new ArchiveError('it has a damaged extended header');
    }
    const middle = block.indexOf(equals, gap + 1);
    if (middle < 0 || middle >= end) throw new ArchiveError('it has a damaged extended header');
    const key = block.toString('utf8', gap + 1, middle);
    const value = block.subarray(middle + 1, end - 1);
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') addSparsePart(records, value);
    else if (value.length === 0 && !key.startsWith('SCHILY.xattr.')) records.delete(key);
    else records.set(key, Buffer.from(value));
    at = end;
  }
  return records;
}

/** Sparse files of GNU tar's form 0.0 have a record for every number: they are put together as the form 0.1 has them. */
function addSparsePart(records: PaxRecords, value: Buffer): void {
  const parts = records.get('GNU.sparse.map');
  records.set('GNU.sparse.map', parts === undefined ? Buffer.from(value) : Buffer.concat([parts, comma, value]));
}

/** One record. Its length counts itself, so it is found by trying. */
export function formatPaxRecord(key: string, value: Uint8Array | string): Buffer {
  const content = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as Uint8Array), Buffer.from('\n')]);
  let length = content.length + 1;
  while (String(length).length + content.length !== length) length = String(length).length + content.length;
  return Buffer.concat([Buffer.from(String(length)), content]);
}

export interface Timestamp {
  sec: number;
  nsec: number;
}

/** Seconds with a fraction, as pax writes times, exact to the nanosecond; undefined where `text` is none. */
export function parsePaxTime(text: string): Timestamp | undefined {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(text);
  if (match === null) return undefined;
  const sec = Number(match[2]);
  const nsec = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (match[1] === '') return { sec, nsec };
  return nsec === 0 ? { sec: -sec, nsec: 0 } : { sec: -sec - 1, nsec: 1_000_000_000 - nsec };
}
