import { closeSync, writeSync } from 'node:fs';
import * as fs from '../../native/fs.ts';
import { errnoOf } from '../base/errors.ts';
import { ArchiveError } from './errors.ts';
import type { TarEntry } from './tar-entry.ts';
import type { EntrySink } from './tar-reader.ts';
import { keepsXattr } from './xattrs.ts';

/** How a tree looked when it was complete; see tree-check.ts. */
export interface TreeSummary {
  /** Files, directories, links and nodes, the root itself not counted. */
  entries: number;
  /** Content of the regular files, hard links counted once. */
  bytes: number;
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

/** A name as people are shown it: UTF-8 where it is, escaped where it would disturb a terminal. */
export function shownPath(path: Uint8Array): string {
  const text = Buffer.from(path).toString('utf8');
  const escaped = JSON.stringify(text.length <= 200 ? text : `${text.slice(0, 197)}...`);
  return escaped.replace(/[\u007f-\u009f]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);
}

const slash = 0x2f;

/** Of directories that an archive does not mention; the same on every machine. */
const impliedAttributes: fs.Attributes = { uid: 0, gid: 0, mode: 0o755, mtime: { sec: 0, nsec: 0 } };

function parentOf(path: Buffer): Buffer | undefined {
  const end = path.lastIndexOf(slash);
  return end < 0 ? undefined : path.subarray(0, end);
}

/**
 * Writes entries into a new directory. Their paths are relative to it, clean (no empty, `.` or `..` component), and checked
 * again by the kernel at every call. Nothing that exists is ever replaced, so no entry can change what a later one meets.
 */
export class TreeWriter implements EntrySink {
  readonly #root: number;
  readonly #warn: (message: string) => void;
  /** Directories that some entry needed before (or without) having an entry of their own, as byte strings. */
  readonly #implied = new Set<string>();
  /** Set last, because every new file changes its directory's time. */
  readonly #directories: TarEntry[] = [];
  readonly #unsupported = new Set<string>();
  readonly #summary: TreeSummary = { entries: 0, bytes: 0 };
  #rootEntry: TarEntry | undefined;
  #current: { entry: TarEntry; fd: number } | undefined;

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
    this.#blaming(entry, () => {
      try {
        this.#create(entry);
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT' || !this.#makeParents(entry.path)) throw error;
        this.#create(entry);
      }
    });
    this.#summary.entries += 1;
  }

  data(chunk: Buffer): void {
    const current = this.#current;
    if (current === undefined) return;
    for (let at = 0; at < chunk.length; ) at += writeSync(current.fd, chunk, at);
    this.#summary.bytes += chunk.length;
  }

  end(): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    try {
      this.#apply(current.fd, null, current.entry);
    } finally {
      closeSync(current.fd);
    }
  }

  /** Sets what could not be set earlier. */
  finish(): TreeSummary {
    for (const entry of this.#directories.toReversed()) this.#apply(this.#root, entry.path, entry);
    for (const path of this.#implied) fs.setAttributes(this.#root, Buffer.from(path, 'latin1'), impliedAttributes);
    if (this.#rootEntry !== undefined) this.#apply(this.#root, null, this.#rootEntry);
    else fs.setAttributes(this.#root, null, impliedAttributes);
    return { ...this.#summary };
  }

  /** Gives up an unfinished file. */
  abort(): void {
    if (this.#current !== undefined) closeSync(this.#current.fd);
    this.#current = undefined;
  }

  #create(entry: TarEntry): void {
    const { path } = entry;
    switch (entry.type) {
      case 'file':
        this.#current = { entry, fd: fs.createFile(this.#root, path) };
        return;
      case 'directory':
        this.#createDirectory(entry);
        return;
      case 'hardlink':
        this.#createHardlink(entry);
        return;
      case 'symlink':
        fs.makeSymlink(this.#root, path, entry.link);
        break;
      default:
        fs.makeNode(this.#root, path, { type: entry.type, mode: entry.mode, ...entry.device });
    }
    this.#apply(this.#root, path, entry);
  }

  #createDirectory(entry: TarEntry): void {
    const known = this.#implied.delete(entry.path.toString('latin1'));
    if (known) this.#summary.entries -= 1;
    else fs.makeDirectory(this.#root, entry.path, 0o700);
    this.#directories.push(entry);
  }

  #createHardlink(entry: TarEntry): void {
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
      closeSync(fs.openDirectory(this.#root, parentOf(path) ?? '.'));
      return true;
    } catch {
      return false;
    }
  }

  /** Makes the directories above `path` that have no entry (yet): 0755, root. False where none was missing. */
  #makeParents(path: Buffer): boolean {
    let made = false;
    for (let at = path.indexOf(slash); at >= 0; at = path.indexOf(slash, at + 1)) {
      const parent = path.subarray(0, at);
      try {
        fs.makeDirectory(this.#root, parent, 0o755);
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') continue;
        throw error;
      }
      this.#implied.add(parent.toString('latin1'));
      this.#summary.entries += 1;
      made = true;
    }
    return made;
  }

  #apply(dirfd: number, path: Buffer | null, entry: TarEntry): void {
    fs.setAttributes(dirfd, path, entry);
    for (const [name, value] of entry.xattrs) this.#applyXattr(dirfd, path, name, value);
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

  /** Turns the kernel's refusals into words about the archive. */
  #blaming(entry: TarEntry, work: () => void): void {
    try {
      work();
    } catch (error) {
      const fault = archiveFaults[errnoOf(error) ?? ''];
      if (fault === undefined || error instanceof ArchiveError) throw error;
      throw new ArchiveError(`${shownPath(entry.path)} ${fault}`, error);
    }
  }
}
