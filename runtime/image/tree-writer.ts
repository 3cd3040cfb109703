import { closeSync } from 'node:fs';
import * as fs from '../../native/fs.ts';
import { errnoOf } from '../base/errors.ts';
import type { TreeSink } from './aci-layout.ts';
import { ContentWriter } from './content-writer.ts';
import { ArchiveError } from './errors.ts';
import { shownPath } from './shown-path.ts';
import type { TarEntry } from './tar-entry.ts';
import { keepsXattr } from './xattrs.ts';

export { shownPath };

/** How a tree looked when it was complete; see tree-check.ts. */
export interface TreeSummary {
  /** Files, directories, links and nodes, the root itself not counted. */
  entries: number;
  /** Content of the regular files, hard links counted once. */
  bytes: number;
  /** Directories that the archive did not mention, so that their attributes are made up; byte strings (latin1), '' is the root. */
  implied?: readonly string[];
}

/** Error codes that an archive causes, and what it did to cause them. */
const archiveFaults: Readonly<Record<string, string>> = {
  EEXIST: 'stands in it twice',
  ELOOP: 'lies beyond a symbolic link',
  EXDEV: 'lies outside of the image',
  ENOTDIR: 'lies below something that is no directory',
  ENAMETOOLONG: 'has too long a name',
  EINVAL: 'has an impossible name',
};

const slash = 0x2f;
const nothing = Buffer.alloc(0);

/** Of directories that an archive does not mention; the same on every machine. */
const impliedAttributes: fs.Attributes = { uid: 0, gid: 0, mode: 0o755, mtime: { sec: 0, nsec: 0 } };

/** Where something is to be made: its directory, opened, and its name there. */
export interface Place {
  readonly dirfd: number;
  readonly name: Buffer;
}

/**
 * Writes entries into a new directory. Their paths are relative to it, clean (no empty, `.` or `..` component), and checked
 * again by the kernel whenever a directory is opened. Nothing that exists is ever replaced, so no entry can change what a
 * later one meets.
 */
export class TreeWriter implements TreeSink {
  readonly #root: number;
  /** Directories that some entry needed before (or without) having an entry of their own, as byte strings. */
  readonly #implied = new Set<string>();
  /** Set last, because every new file changes its directory's time. */
  readonly #directories: TarEntry[] = [];
  readonly #summary: TreeSummary = { entries: 0, bytes: 0 };
  readonly #warn: (message: string) => void;
  readonly #unsupported = new Set<string>();
  #rootEntry: TarEntry | undefined;
  /** The file whose content is coming in; it is made when it is known whether all of it comes in one piece. */
  #current: { entry: TarEntry; content: ContentWriter | undefined; done: boolean } | undefined;
  /** The directory of the last entry: archives go through directories one by one. */
  #directory: { path: Buffer; fd: number } | undefined;

  /** `root` is a descriptor of the empty directory; it stays the caller's. */
  constructor(root: number, warn: (message: string) => void) {
    this.#root = root;
    this.#warn = warn;
  }

  /** What the archive says of the root directory itself. */
  root(entry: TarEntry): void {
    if (this.#rootEntry !== undefined) throw new ArchiveError('"rootfs" stands in it twice');
    this.#rootEntry = entry;
  }

  begin(entry: TarEntry): void {
    if (entry.type === 'file') this.#current = { entry, content: undefined, done: false };
    else this.#create(entry, () => this.#make(entry));
    this.#summary.entries += 1;
  }

  data(chunk: Buffer): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#summary.bytes += chunk.length;
    if (current.content === undefined && chunk.length === current.entry.size) {
      this.#writeWhole(current.entry, chunk);
      current.done = true;
      return;
    }
    current.content ??= this.#createFile(current.entry);
    current.content.write(chunk);
  }

  /** A part of the file that the archive says is empty. */
  hole(bytes: number): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#summary.bytes += bytes;
    current.content ??= this.#createFile(current.entry);
    current.content.skip(bytes);
  }

  end(): void {
    const current = this.#current;
    if (current === undefined) return;
    const { entry, content, done } = current;
    if (content !== undefined) {
      content.finish();
      this.#apply(content.fd, null, entry);
      content.close();
    } else if (!done) {
      this.#writeWhole(entry, nothing);
    }
    this.#current = undefined;
  }

  /** Sets what could not be set earlier. The writer cannot be used afterwards. */
  finish(): TreeSummary {
    this.#forgetDirectory();
    const implied = [...(this.#rootEntry === undefined ? [''] : []), ...[...this.#implied].toSorted()];
    for (const entry of this.#directories.toReversed()) this.#apply(this.#root, entry.path, entry);
    for (const path of this.#implied) fs.setAttributes(this.#root, Buffer.from(path, 'latin1'), impliedAttributes);
    if (this.#rootEntry !== undefined) this.#apply(this.#root, null, this.#rootEntry);
    else fs.setAttributes(this.#root, null, impliedAttributes);
    return { ...this.#summary, ...(implied.length === 0 ? {} : { implied }) };
  }

  /** Lets go of what is open. */
  abort(): void {
    this.#current?.content?.close();
    this.#current = undefined;
    this.#forgetDirectory();
  }

  /** Makes anything but a regular file. */
  #make(entry: TarEntry): void {
    if (entry.type === 'directory') this.#makeDirectory(entry);
    else if (entry.type === 'hardlink') this.#makeHardlink(entry);
    else if (entry.type !== 'file') this.#makeNode(entry, entry.type);
  }

  #makeNode(entry: TarEntry, type: 'symlink' | 'character' | 'block' | 'fifo'): void {
    const { dirfd, name } = this.#place(entry.path);
    if (type === 'symlink') fs.makeSymlink(dirfd, name, entry.link);
    else fs.makeNode(dirfd, name, { type, mode: entry.mode, ...entry.device });
    this.#apply(dirfd, name, entry);
  }

  #makeDirectory(entry: TarEntry): void {
    const known = this.#implied.delete(entry.path.toString('latin1'));
    if (known) this.#summary.entries -= 1;
    else {
      const { dirfd, name } = this.#place(entry.path);
      fs.makeDirectory(dirfd, name, 0o700);
    }
    this.#directories.push(entry);
  }

  /** Makes the directories above `path` that have no entry (yet): 0755, root. False where none was missing. */
  #makeParents(path: Buffer): boolean {
    let made = false;
    for (let at = path.indexOf(slash); at >= 0; at = path.indexOf(slash, at + 1)) {
      made = this.#makeImplied(path.subarray(0, at)) || made;
    }
    return made;
  }

  /** Makes one directory that an entry needs; false where it was there. */
  #makeImplied(path: Buffer): boolean {
    try {
      fs.makeDirectory(this.#root, path, 0o755);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    }
    this.#implied.add(path.toString('latin1'));
    this.#summary.entries += 1;
    return true;
  }

  /** The directory that holds `path`, opened until another one is needed. */
  #place(path: Buffer): Place {
    const end = path.lastIndexOf(slash);
    if (end < 0) return { dirfd: this.#root, name: path };
    const parent = path.subarray(0, end);
    if (this.#directory?.path.equals(parent) !== true) {
      this.#forgetDirectory();
      this.#directory = { path: Buffer.from(parent), fd: fs.openDirectory(this.#root, parent) };
    }
    return { dirfd: this.#directory.fd, name: path.subarray(end + 1) };
  }

  #forgetDirectory(): void {
    if (this.#directory !== undefined) closeSync(this.#directory.fd);
    this.#directory = undefined;
  }

  #apply(dirfd: number, path: Buffer | null, entry: TarEntry): void {
    fs.setAttributes(dirfd, path, entry);
    this.#applyXattrs(dirfd, path, entry);
  }

  /** Makes what an entry says, and what has to be there before. Turns the kernel's refusals into words about the archive. */
  #create<T>(entry: TarEntry, make: () => T): T {
    try {
      return this.#createAnyhow(entry, make);
    } catch (error) {
      const fault = archiveFaults[errnoOf(error) ?? ''];
      if (fault === undefined || error instanceof ArchiveError) throw error;
      throw new ArchiveError(`${shownPath(entry.path)} ${fault}`, error);
    }
  }

  #createAnyhow<T>(entry: TarEntry, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || !this.#makeParents(entry.path)) throw error;
      return make();
    }
  }

  #createFile(entry: TarEntry): ContentWriter {
    return this.#create(entry, () => {
      const { dirfd, name } = this.#place(entry.path);
      return new ContentWriter(fs.createFile(dirfd, name));
    });
  }

  #writeWhole(entry: TarEntry, content: Buffer): void {
    this.#create(entry, () => {
      const { dirfd, name } = this.#place(entry.path);
      fs.writeFile(dirfd, name, content, entry);
      this.#applyXattrs(dirfd, name, entry);
    });
  }

  #makeHardlink(entry: TarEntry): void {
    try {
      fs.makeHardlink(this.#root, entry.path, entry.link);
    } catch (error) {
      const code = errnoOf(error);
      // EPERM: a directory. What concerns the new name and not the target is left to the caller.
      if (code === 'EPERM') throw new ArchiveError(`${shownPath(entry.path)} is a hard link to a directory`, error);
      if (code !== 'ENOENT' || !this.#parentExists(entry.path)) throw error;
      throw new ArchiveError(
        `${shownPath(entry.path)} is a hard link to ${shownPath(entry.link)}, which does not stand before it`,
        error,
      );
    }
  }

  #parentExists(path: Buffer): boolean {
    try {
      this.#place(path);
      return true;
    } catch {
      return false;
    }
  }

  #applyXattrs(dirfd: number, path: Buffer | null, { xattrs }: TarEntry): void {
    for (const [name, value] of xattrs) this.#applyXattr(dirfd, path, name, value);
  }

  #applyXattr(dirfd: number, path: Buffer | null, name: string, value: Buffer): void {
    if (!keepsXattr(name)) {
      this.#warnOnce(name, 'has no meaning in a pod');
      return;
    }
    try {
      fs.setXattr(dirfd, path, name, value);
    } catch (error) {
      if (errnoOf(error) !== 'ENOTSUP') throw error;
      this.#warnOnce(name, 'is not supported by the file system');
    }
  }

  #warnOnce(name: string, why: string): void {
    if (this.#unsupported.has(name)) return;
    this.#unsupported.add(name);
    this.#warn(`the extended attribute ${JSON.stringify(name)} is dropped: it ${why}`);
  }
}
