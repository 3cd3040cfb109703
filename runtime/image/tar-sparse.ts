/**
 * Sparse files as GNU tar writes them (GNU tar manual, "Storing Sparse Files"): the old GNU form, whose map is in the header and
 * blocks after it, and the forms of pax archives, whose map is in records (0.0, 0.1) or before the content (1.0).
 */

import { ArchiveError } from './errors.ts';
import type { PaxRecords } from './pax.ts';

/** A piece of the file that the archive holds; between pieces lie holes. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
}

/** How an entry's content is to be spread. */
export interface SparseMap {
  /** Bytes in the archive, those of a map before the content included. */
  readonly stored: number;
  /** Bytes of the file. */
  readonly size: number;
  readonly segments: Segment[];
  /** Where the rest of the map is: in blocks before the content that are no part of it, or at the content's beginning. */
  rest: 'none' | 'blocks' | 'content';
}

/** Pieces of one file; a larger map would take more memory than it is worth. */
const maxSegments = 250_000;

const headerSegments = { start: 386, count: 4, more: 482, size: 483 } as const;
const blockSegments = { start: 0, count: 21, more: 504 } as const;
const numberBytes = 12;

const damaged = (): ArchiveError => new ArchiveError('it has a damaged sparse file');

function decimal(text: string | undefined): number {
  const value = Number(text);
  if (text === undefined || !/^[0-9]{1,16}$/.test(text) || !Number.isSafeInteger(value)) throw damaged();
  return value;
}

/** A number in a header block: octal, or binary where its first bit is set. */
function headerNumber(block: Buffer, start: number): number {
  const field = block.subarray(start, start + numberBytes);
  if ((field[0] as number) === 0x80) {
    // Seven bytes of it are more than a file can have.
    if (field.subarray(1, 5).some((byte) => byte !== 0)) throw damaged();
    const value = field.readUIntBE(6, 6) + (field[5] as number) * 2 ** 48;
    if (!Number.isSafeInteger(value)) throw damaged();
    return value;
  }
  const text = field.toString('latin1').replace(/[\0 ].*$/s, '');
  if (!/^[0-7]*$/.test(text)) throw damaged();
  return text === '' ? 0 : Number.parseInt(text, 8);
}

function addSegment(segments: Segment[], segment: Segment): void {
  if (segments.length >= maxSegments) throw new ArchiveError(`it has a sparse file of more than ${maxSegments} pieces`);
  segments.push(segment);
}

/** Reads the pieces in a block; returns whether another block follows. */
function readBlock(
  block: Buffer,
  segments: Segment[],
  { start, count, more }: typeof headerSegments | typeof blockSegments,
): boolean {
  for (let index = 0; index < count; index++) {
    const at = start + index * 2 * numberBytes;
    if (block[at] === 0) break;
    addSegment(segments, { offset: headerNumber(block, at), length: headerNumber(block, at + numberBytes) });
  }
  return block[more] === 1;
}

/** The old GNU form: what the header block itself says. */
export function oldSparseMap(block: Buffer, stored: number): SparseMap {
  const segments: Segment[] = [];
  const more = readBlock(block, segments, headerSegments);
  return { stored, size: headerNumber(block, headerSegments.size), segments, rest: more ? 'blocks' : 'none' };
}

/** Takes the next block of a map in the old GNU form. */
export function readMapBlock(map: SparseMap, block: Buffer): void {
  if (!readBlock(block, map.segments, blockSegments)) map.rest = 'none';
}

/** What pax records say; undefined where the file is not sparse. */
export function paxSparseMap(records: PaxRecords, stored: number): SparseMap | undefined {
  const text = (key: string): string | undefined => records.get(`GNU.sparse.${key}`)?.toString('latin1');
  if (![...records.keys()].some((key) => key.startsWith('GNU.sparse.'))) return undefined;
  const size = decimal(text('realsize') ?? text('size'));
  const major = text('major');
  if (major !== undefined) {
    if (major !== '1' || text('minor') !== '0') throw new ArchiveError('it has a sparse file of an unknown form');
    return { stored, size, segments: [], rest: 'content' };
  }
  const numbers = (text('map') ?? '')
    .split(',')
    .filter((part) => part !== '')
    .map(decimal);
  if (numbers.length % 2 !== 0) throw damaged();
  const segments: Segment[] = [];
  for (let at = 0; at < numbers.length; at += 2) {
    addSegment(segments, { offset: numbers[at] as number, length: numbers[at + 1] as number });
  }
  return { stored, size, segments, rest: 'none' };
}

/** Reads the map of the form 1.0, which comes in whole blocks before the content: decimal numbers, each with a newline. */
export class ContentMap {
  readonly #map: SparseMap;
  #line = '';
  #left: number | undefined;
  #offset: number | undefined;

  constructor(map: SparseMap) {
    this.#map = map;
  }

  /** Takes a block; when the map is complete, its `rest` is `none`. */
  take(block: Buffer): void {
    const lines = (this.#line + block.toString('latin1')).split('\n');
    this.#line = lines.pop() as string;
    for (const line of lines) {
      this.#number(decimal(line));
      if (this.#left === 0) {
        this.#map.rest = 'none';
        return;
      }
    }
    // What is no number is not waited for.
    if (this.#line.length > 16) throw damaged();
  }

  #number(value: number): void {
    if (this.#left === undefined) this.#left = value;
    else if (this.#offset === undefined) this.#offset = value;
    else {
      addSegment(this.#map.segments, { offset: this.#offset, length: value });
      this.#offset = undefined;
      this.#left -= 1;
    }
  }
}

/** Spreads content over a file. */
export class SparseContent {
  readonly #segments: readonly Segment[];
  readonly #size: number;
  readonly #data: (chunk: Buffer) => void;
  readonly #hole: (bytes: number) => void;
  #index = 0;
  #position = 0;

  /** `length` are the bytes of content that follow: the pieces have to be that many. */
  constructor(
    { segments, size }: SparseMap,
    length: number,
    to: { readonly data: (chunk: Buffer) => void; readonly hole: (bytes: number) => void },
  ) {
    let end = 0;
    let total = 0;
    for (const segment of segments) {
      if (segment.offset < end || segment.offset + segment.length > size) throw damaged();
      end = segment.offset + segment.length;
      total += segment.length;
    }
    if (total !== length) throw damaged();
    this.#segments = segments;
    this.#size = size;
    this.#data = to.data;
    this.#hole = to.hole;
  }

  write(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const { offset, length } = this.#segments[this.#index] as Segment;
      this.#skipTo(offset);
      const piece = chunk.subarray(at, at + offset + length - this.#position);
      if (piece.length > 0) this.#data(piece);
      this.#position += piece.length;
      at += piece.length;
      if (this.#position === offset + length) this.#index += 1;
    }
  }

  end(): void {
    this.#skipTo(this.#size);
  }

  #skipTo(offset: number): void {
    if (offset > this.#position) this.#hole(offset - this.#position);
    this.#position = Math.max(offset, this.#position);
  }
}
