import { closeSync, ftruncateSync, writeSync } from 'node:fs';

/** Zeros shorter than this are written: a hole costs a call, and saves less than a few blocks. */
const holeBytes = 64 * 1024;
const zeros = Buffer.alloc(holeBytes);

/**
 * Writes the content of one file, leaving out long runs of zeros: an archive that does not tell a hole from zeros must not
 * turn an image of a disk into as many bytes as the disk has.
 */
export class ContentWriter {
  readonly fd: number;
  #position = 0;
  #written = 0;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Bytes so far, holes included. */
  get length(): number {
    return this.#position;
  }

  write(chunk: Buffer): void {
    let start = 0;
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + holeBytes);
      const hole = piece.length === holeBytes && piece.equals(zeros);
      if (hole) {
        this.#put(chunk.subarray(start, at));
        this.#position += holeBytes;
        start = at + holeBytes;
      }
      at += piece.length;
    }
    this.#put(chunk.subarray(start));
  }

  /** Leaves a hole. */
  skip(bytes: number): void {
    this.#position += bytes;
  }

  /** Gives the file its length where it ends with a hole. */
  finish(): void {
    if (this.#written < this.#position) ftruncateSync(this.fd, this.#position);
  }

  close(): void {
    closeSync(this.fd);
  }

  #put(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const count = writeSync(this.fd, bytes, at, bytes.length - at, this.#position);
      at += count;
      this.#position += count;
    }
    if (bytes.length > 0) this.#written = this.#position;
  }
}
