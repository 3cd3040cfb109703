import { ArchiveError } from './errors.ts';
import { maxEntries, maxMetaBytes } from './limits.ts';
import { type PaxRecords, parsePax } from './pax.ts';
import {
  blockSize,
  type DecodedEntry,
  decodeEntry,
  decodeHeader,
  type EntryContext,
  type TarEntry,
} from './tar-entry.ts';
import { ContentMap, readMapBlock, SparseContent, type SparseMap } from './tar-sparse.ts';

/** Where the entries of an archive go, in the archive's order. */
export interface EntrySink {
  /** A new entry; its content follows in {@link data} calls. */
  begin(entry: TarEntry): void;
  data(chunk: Buffer): void;
  /** So many bytes of zeros that the archive does not hold. */
  hole(bytes: number): void;
  /** The content is complete. */
  end(): void;
  /** Whether it has so much that {@link TarReader.write} is to stop for now. */
  readonly full?: boolean;
}

interface MapReading {
  readonly map: SparseMap;
  readonly inContent: ContentMap;
  /** Bytes of the content that the map has taken. */
  taken: number;
}

type MetaKind = 'pax' | 'global' | 'name' | 'link';

const metaKinds: ReadonlyMap<string, MetaKind> = new Map([
  ['ExtendedHeader', 'pax'],
  ['OldExtendedHeader', 'pax'],
  ['GlobalExtendedHeader', 'global'],
  ['NextFileHasLongPath', 'name'],
  ['OldGnuLongPath', 'name'],
  ['NextFileHasLongLinkpath', 'link'],
]);

/** A long name of GNU tar ends with NUL. */
function trimNul(content: Buffer): Buffer {
  const end = content.indexOf(0);
  return end < 0 ? content : content.subarray(0, end);
}

/**
 * Reads a tar archive that is pushed into it piece by piece: ustar, pax and GNU, sparse files included. Nothing is kept but the current header.
 * npm's tar decodes the header blocks; its Parser is not used, because it hands on names and attributes as UTF-8 text,
 * which loses bytes that are none. Whatever is wrong is thrown as an ArchiveError.
 */
export class TarReader {
  readonly #sink: EntrySink;
  /** Counts the bytes of holes: a few of an archive's bytes may claim to be any number of a file's. */
  readonly #countHole: (bytes: number) => void;
  /** The beginning of a block whose rest has not come yet. */
  #partial: Buffer[] = [];
  #partialLength = 0;
  /** Content of the current entry, and the padding after it, that has not come yet. */
  #content = 0;
  #padding = 0;
  #inEntry = false;
  /** A sparse file whose map is still coming in. */
  #map: MapReading | undefined;
  /** Spreads the content of the current entry, where it is a sparse file. */
  #sparse: SparseContent | undefined;
  #meta: { kind: MetaKind; chunks: Buffer[] } | undefined;
  #global: PaxRecords = new Map();
  #context: EntryContext | undefined;
  #ended = false;
  #sawEntry = false;
  #entries = 0;

  constructor(sink: EntrySink, countHole: (bytes: number) => void = () => {}) {
    this.#sink = sink;
    this.#countHole = countHole;
  }

  /** Returns how many bytes were taken: all, unless the sink is full. What follows the archive's end counts as taken. */
  write(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && !this.#ended) {
      if (at > 0 && this.#sink.full === true) return at;
      if (this.#map !== undefined) at += this.#takeBlock(chunk, at);
      else if (this.#content > 0) at += this.#takeContent(chunk, at);
      else if (this.#padding > 0) at += this.#skipPadding(chunk.length - at);
      else at += this.#takeBlock(chunk, at);
    }
    return chunk.length;
  }

  /** Says that nothing more comes. An archive ends with a block of zeros (POSIX: two). */
  end(): void {
    if (this.#ended) return;
    if (!this.#sawEntry && this.#partialLength === 0 && this.#content === 0) throw new ArchiveError('it is empty');
    if (!this.#sawEntry && this.#meta === undefined) throw new ArchiveError('it is no tar archive');
    throw new ArchiveError('it ends too early');
  }

  #takeContent(chunk: Buffer, at: number): number {
    const piece = chunk.subarray(at, at + this.#content);
    this.#content -= piece.length;
    if (this.#meta !== undefined) this.#meta.chunks.push(Buffer.from(piece));
    else if (this.#sparse !== undefined) this.#sparse.write(piece);
    else this.#sink.data(piece);
    if (this.#content === 0) this.#finishContent();
    return piece.length;
  }

  #skipPadding(available: number): number {
    const count = Math.min(available, this.#padding);
    this.#padding -= count;
    return count;
  }

  /** A block that counts as a whole: a header, or a part of a sparse file's map. */
  #takeBlock(chunk: Buffer, at: number): number {
    const piece = chunk.subarray(at, at + blockSize - this.#partialLength);
    if (this.#partialLength + piece.length < blockSize) {
      this.#partial.push(Buffer.from(piece));
      this.#partialLength += piece.length;
      return piece.length;
    }
    const block = this.#partialLength === 0 ? piece : Buffer.concat([...this.#partial, piece]);
    this.#partial = [];
    this.#partialLength = 0;
    if (this.#map === undefined) this.#header(block);
    else this.#mapBlock(this.#map, block);
    return piece.length;
  }

  #header(block: Buffer): void {
    const header = this.#decode(block);
    if (header === undefined) return;
    const kind = metaKinds.get(String(header.type));
    if (++this.#entries > maxEntries) throw new ArchiveError(`it has more than ${maxEntries} entries`);
    if (kind !== undefined) this.#beginMeta(kind, header.size ?? 0);
    else if (header.type !== 'TapeVolumeHeader') this.#beginEntry(decodeEntry(header, block, this.#takeContext()));
  }

  #decode(block: Buffer) {
    try {
      const header = decodeHeader(block);
      if (!header.nullBlock) return header;
      this.#ended = true;
      return undefined;
    } catch (error) {
      // The very first block decides whether this is a tar archive at all.
      if (this.#entries === 0) throw new ArchiveError('it is no tar archive', error);
      throw error;
    }
  }

  #takeContext(): EntryContext {
    const context = this.#context ?? { records: this.#global, longName: undefined, longLink: undefined };
    this.#context = undefined;
    return context;
  }

  #beginMeta(kind: MetaKind, size: number): void {
    if (size > maxMetaBytes) throw new ArchiveError(`it has an extended header of more than ${maxMetaBytes} bytes`);
    this.#meta = { kind, chunks: [] };
    this.#expect(size);
  }

  #beginEntry({ entry, sparse }: DecodedEntry): void {
    this.#sawEntry = true;
    this.#inEntry = true;
    this.#sink.begin(entry);
    if (sparse === undefined) this.#expect(entry.size);
    else if (sparse.rest === 'none') this.#beginSparse(sparse, sparse.stored);
    else this.#map = { map: sparse, inContent: new ContentMap(sparse), taken: 0 };
  }

  #mapBlock(reading: MapReading, block: Buffer): void {
    const { map, inContent } = reading;
    const inside = map.rest === 'content';
    if (inside) {
      reading.taken += blockSize;
      if (reading.taken > map.stored) throw new ArchiveError('it has a damaged sparse file');
      inContent.take(block);
    } else readMapBlock(map, block);
    if (map.rest !== 'none') return;
    this.#map = undefined;
    this.#beginSparse(map, map.stored - reading.taken);
  }

  #beginSparse(map: SparseMap, length: number): void {
    this.#sparse = new SparseContent(map, length, {
      data: (chunk) => this.#sink.data(chunk),
      hole: (bytes) => {
        this.#countHole(bytes);
        this.#sink.hole(bytes);
      },
    });
    this.#expect(length);
  }

  #expect(size: number): void {
    this.#content = size;
    this.#padding = (blockSize - (size % blockSize)) % blockSize;
    if (size === 0) this.#finishContent();
  }

  #finishContent(): void {
    const meta = this.#meta;
    this.#meta = undefined;
    if (meta !== undefined) this.#applyMeta(meta.kind, Buffer.concat(meta.chunks));
    else if (this.#inEntry) {
      this.#sparse?.end();
      this.#sparse = undefined;
      this.#sink.end();
    }
    this.#inEntry = false;
  }

  #applyMeta(kind: MetaKind, content: Buffer): void {
    if (kind === 'global') {
      this.#global = parsePax(content, this.#global);
      // A name for all entries makes no sense; git archive writes only a comment here.
      for (const key of this.#global.keys()) {
        if (['path', 'linkpath', 'size'].includes(key) || key.startsWith('GNU.sparse.')) this.#global.delete(key);
      }
      return;
    }
    const context = this.#takeContext();
    if (kind === 'pax') context.records = parsePax(content, context.records);
    else if (kind === 'name') context.longName = trimNul(content);
    else context.longLink = trimNul(content);
    this.#context = context;
  }
}
