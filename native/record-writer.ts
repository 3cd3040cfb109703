/** Writes the records that {@link BatchTree} carries out; the format is in src/addon/tree-batch.h. */

import type { Attributes } from './fs.ts';

const kinds = {
  file: 1,
  begin: 2,
  data: 3,
  hole: 4,
  end: 5,
  directory: 6,
  symlink: 7,
  hardlink: 8,
  node: 9,
  xattr: 10,
} as const;

/** A piece of the batch's content. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

const firstSize = 64 * 1024;

/** Bytes of the fields of a record that have a fixed size, at most. */
const fixedBytes = 64;

/** Collects records. Every method returns the offset of its record. */
export class RecordWriter {
  #buffer = Buffer.allocUnsafeSlow(firstSize);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What was collected, until the next {@link clear}. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Begins anew, in the same memory. */
  clear(): void {
    this.#length = 0;
  }

  file(path: Buffer, attributes: Attributes, range: Range): number {
    const at = this.#begin(kinds.file, path.length);
    this.#text(path);
    this.#attributes(attributes, attributes.mode);
    this.#range(range);
    return at;
  }

  begin(path: Buffer): number {
    const at = this.#begin(kinds.begin, path.length);
    this.#text(path);
    return at;
  }

  data(range: Range): number {
    const at = this.#begin(kinds.data, 0);
    this.#range(range);
    return at;
  }

  hole(bytes: number): number {
    const at = this.#begin(kinds.hole, 0);
    this.#wide(bytes);
    return at;
  }

  end(attributes: Attributes): number {
    const at = this.#begin(kinds.end, 0);
    this.#attributes(attributes, attributes.mode);
    return at;
  }

  directory(path: Buffer): number {
    const at = this.#begin(kinds.directory, path.length);
    this.#text(path);
    return at;
  }

  symlink(path: Buffer, attributes: Attributes, target: Buffer): number {
    const at = this.#begin(kinds.symlink, path.length + target.length);
    this.#text(path);
    this.#attributes(attributes, attributes.mode);
    this.#text(target);
    return at;
  }

  hardlink(path: Buffer, existing: Buffer): number {
    const at = this.#begin(kinds.hardlink, path.length + existing.length);
    this.#text(path);
    this.#text(existing);
    return at;
  }

  /** `type` is the part of a mode that says what it is (S_IFMT). */
  node(path: Buffer, attributes: Attributes, type: number, device: { major: number; minor: number }): number {
    const at = this.#begin(kinds.node, path.length);
    this.#text(path);
    this.#attributes(attributes, attributes.mode | type);
    this.#number(device.major);
    this.#number(device.minor);
    return at;
  }

  xattr(path: Buffer, name: Buffer, value: Uint8Array): number {
    const at = this.#begin(kinds.xattr, path.length + name.length + value.length);
    this.#text(path);
    this.#text(name);
    this.#number(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return at;
  }

  #begin(kind: number, variable: number): number {
    const needed = this.#length + fixedBytes + variable;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    const at = this.#length;
    this.#buffer[this.#length++] = kind;
    return at;
  }

  #attributes({ uid, gid, mtime }: Attributes, mode: number): void {
    this.#number(uid);
    this.#number(gid);
    this.#number(mode);
    this.#wide(mtime.sec);
    this.#number(mtime.nsec);
  }

  #range({ offset, length }: Range): void {
    this.#wide(offset);
    this.#wide(length);
  }

  #text(bytes: Buffer): void {
    this.#length = this.#buffer.writeUInt16LE(bytes.length, this.#length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #number(value: number): void {
    this.#length = this.#buffer.writeUInt32LE(value, this.#length);
  }

  /** 64 bits, in two halves: a BigInt would cost more than the rest of a record. */
  #wide(value: number): void {
    const high = Math.floor(value / 2 ** 32);
    this.#length = this.#buffer.writeUInt32LE(value - high * 2 ** 32, this.#length);
    this.#length = this.#buffer.writeInt32LE(high, this.#length);
  }
}
