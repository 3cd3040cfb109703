/**
 * Writes tagged records into one growing buffer: tag (u16), two zero bytes, length of the payload (u32), payload; all
 * little-endian (docs/launch-plan.md, "Encoding"). Groups are written in place and their length filled in afterwards.
 */
export class PlanWriter {
  #buffer = Buffer.allocUnsafe(8192);
  #length = 0;

  /** How many bytes were written. */
  get length(): number {
    return this.#length;
  }

  #reserve(size: number): number {
    const start = this.#length;
    if (start + size > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, start + size));
      this.#buffer.copy(larger, 0, 0, start);
      this.#buffer = larger;
    }
    this.#length = start + size;
    return start;
  }

  /** The header of a record; returns where its payload starts. */
  #open(tag: number, size: number): number {
    const start = this.#reserve(8 + size);
    this.#buffer.writeUInt16LE(tag, start);
    this.#buffer.writeUInt16LE(0, start + 2);
    this.#buffer.writeUInt32LE(size, start + 4);
    return start + 8;
  }

  /** Bytes without a record around them, such as the file's magic. */
  raw(data: Uint8Array): void {
    const start = this.#reserve(data.length);
    this.#buffer.set(data, start);
  }

  u32(tag: number, value: number): void {
    const start = this.#open(tag, 4);
    this.#buffer.writeUInt32LE(value, start);
  }

  u64(tag: number, value: bigint): void {
    const start = this.#open(tag, 8);
    this.#buffer.writeBigUInt64LE(value, start);
  }

  string(tag: number, value: string): void {
    const size = Buffer.byteLength(value);
    const start = this.#open(tag, size);
    this.#buffer.write(value, start, size, 'utf8');
  }

  bytes(tag: number, data: Uint8Array): void {
    const start = this.#open(tag, data.length);
    this.#buffer.set(data, start);
  }

  /** The records that `write` adds become the payload of one record. */
  group(tag: number, write: () => void): void {
    const start = this.#open(tag, 0);
    write();
    this.setU32(start - 4, this.#length - start);
  }

  setU32(offset: number, value: number): void {
    this.#buffer.writeUInt32LE(value, offset);
  }

  /** Everything written so far. The writer must not be used afterwards. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}
