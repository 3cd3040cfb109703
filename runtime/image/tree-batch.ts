/** What an archive's entries have made of a tree so far, as records that the native part carries out. */

import { nodeTypes } from '../../native/fs.ts';
import { RecordWriter } from '../../native/record-writer.ts';
import { ArchiveError } from './errors.ts';
import { maxPathBytes } from './limits.ts';
import { shownPath } from './shown-path.ts';
import type { TarEntry } from './tar-entry.ts';

/** Bytes of records after which a batch should be carried out, whatever the content that it came with. */
const enough = 1024 * 1024;

/** Longest name of an extended attribute: XATTR_NAME_MAX. */
const maxXattrName = 255;

export type StepKind = 'file' | 'data' | 'end' | 'directory' | 'symlink' | 'hardlink' | 'node' | 'xattr';

/** One record, and what it is about. */
export interface Step {
  readonly at: number;
  readonly kind: StepKind;
  readonly entry: TarEntry;
  /** Of an extended attribute. */
  readonly name?: string;
}

/** What must not reach the kernel: it takes texts up to a NUL, and paths up to PATH_MAX. */
function checkText(entry: TarEntry, text: Buffer): void {
  if (text.includes(0)) throw new ArchiveError(`${shownPath(entry.path)} has an impossible name`);
  if (text.length > maxPathBytes) throw new ArchiveError(`${shownPath(entry.path)} has too long a name`);
}

export class TreeBatch {
  readonly records = new RecordWriter();
  readonly steps: Step[] = [];
  /** Where the pieces of content lie that the records refer to. */
  #content: ArrayBufferLike | undefined;

  get content(): Uint8Array {
    return new Uint8Array(this.#content ?? new ArrayBuffer(0));
  }

  get full(): boolean {
    return this.records.length >= enough;
  }

  clear(): void {
    this.records.clear();
    this.steps.length = 0;
    this.#content = undefined;
  }

  /** A file that is there whole. */
  wholeFile(entry: TarEntry, content: Buffer): void {
    this.#step(this.records.file(entry.path, entry, this.#range(content)), 'file', entry);
  }

  beginFile(entry: TarEntry): void {
    this.#step(this.records.begin(entry.path), 'file', entry);
  }

  data(entry: TarEntry, content: Buffer): void {
    this.#step(this.records.data(this.#range(content)), 'data', entry);
  }

  hole(entry: TarEntry, bytes: number): void {
    this.#step(this.records.hole(bytes), 'data', entry);
  }

  endFile(entry: TarEntry): void {
    this.#step(this.records.end(entry), 'end', entry);
  }

  directory(entry: TarEntry): void {
    this.#step(this.records.directory(entry.path), 'directory', entry);
  }

  symlink(entry: TarEntry): void {
    checkText(entry, entry.link);
    this.#step(this.records.symlink(entry.path, entry, entry.link), 'symlink', entry);
  }

  hardlink(entry: TarEntry): void {
    this.#step(this.records.hardlink(entry.path, entry.link), 'hardlink', entry);
  }

  node(entry: TarEntry, type: keyof typeof nodeTypes): void {
    this.#step(this.records.node(entry.path, entry, nodeTypes[type], entry.device), 'node', entry);
  }

  xattr(entry: TarEntry, name: string, value: Buffer): void {
    const bytes = Buffer.from(name);
    if (bytes.includes(0) || bytes.length > maxXattrName) {
      throw new ArchiveError(`${shownPath(entry.path)} has an extended attribute with an impossible name`);
    }
    const at = this.records.xattr(entry.path, bytes, value);
    this.steps.push({ at, kind: 'xattr', entry, name });
  }

  /** The step of the record at an offset, and the offset after it. */
  find(at: number): { step: Step; next: number } | undefined {
    const index = this.steps.findIndex((step) => step.at === at);
    const step = this.steps[index];
    return step === undefined ? undefined : { step, next: this.steps[index + 1]?.at ?? this.records.length };
  }

  #step(at: number, kind: StepKind, entry: TarEntry): void {
    this.steps.push({ at, kind, entry });
  }

  #range(content: Buffer): { offset: number; length: number } {
    if (content.length === 0) return { offset: 0, length: 0 };
    this.#content ??= content.buffer;
    if (this.#content !== content.buffer) throw new TypeError('the pieces of a batch lie in different buffers');
    return { offset: content.byteOffset, length: content.length };
  }
}
