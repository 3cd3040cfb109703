import { closeSync } from 'node:fs';
import * as fs from '../../native/fs.ts';
import { type BatchError, BatchTree } from '../../native/unpack.ts';
import { errnoOf } from '../base/errors.ts';
import type { TreeSink } from './aci-layout.ts';
import { ArchiveError } from './errors.ts';
import { shownPath } from './shown-path.ts';
import type { TarEntry } from './tar-entry.ts';
import { type Step, TreeBatch } from './tree-batch.ts';
import { keepsXattr } from './xattrs.ts';

/** How a tree looked when it was complete; see tree-check.ts. */
export interface TreeSummary {
  /** Files, directories, links and nodes, the root itself not counted. */
  entries: number;
  /** Content of the regular files, hard links counted once. */
  bytes: number;
  /** Directories that the archive did not mention, so that their attributes are made up; byte strings (latin1), '' is the root. */
  implied?: readonly string[];
}

export interface TreeWriterOptions {
  /** A descriptor of the empty directory; it stays the caller's. */
  readonly root: number;
  readonly warn: (message: string) => void;
  /** Whether a directory may stand in the archive again; its last entry counts. */
  readonly repeatedDirectories?: boolean;
  /** Takes hard links whose target is not there; without it they are refused. */
  readonly missingLinks?: (entry: TarEntry) => void;
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

/**
 * Writes entries into a new directory. Their paths are relative to it, clean (no empty, `.` or `..` component), and checked
 * again by the kernel whenever a directory is opened. Nothing that exists is ever replaced, so no entry can change what a
 * later one meets.
 *
 * Entries are collected and carried out in batches ({@link submit}), in their order, while the next ones are being read. What
 * is exceptional (a directory without an entry, something that stands there already) shows when a batch fails at it: it is
 * dealt with here, and the batch goes on. Its outcome is that of doing one entry after the other.
 */
export class TreeWriter implements TreeSink {
  readonly #options: TreeWriterOptions;
  readonly #root: number;
  readonly #native: BatchTree;
  /** Directories that some entry needed before (or without) having an entry of their own, as byte strings. */
  readonly #implied = new Set<string>();
  /** Their attributes are set last, because every new file changes its directory's time. */
  readonly #directories = new Map<string, TarEntry>();
  readonly #summary: TreeSummary = { entries: 0, bytes: 0 };
  readonly #unsupported = new Set<string>();
  readonly #free: TreeBatch[] = [];
  #batch = new TreeBatch();
  /** Settles when all batches so far are carried out. */
  #running: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;
  #rootEntry: TarEntry | undefined;
  /** The file whose content is coming in: made when it is known whether all of it comes in one piece. */
  #current: { entry: TarEntry; state: 'new' | 'begun' | 'whole' } | undefined;

  constructor(options: TreeWriterOptions) {
    this.#options = options;
    this.#root = options.root;
    this.#native = new BatchTree(options.root);
  }

  /** Whether what was collected should be carried out before more comes. */
  get full(): boolean {
    return this.#batch.full;
  }

  /** What the archive says of the root directory itself. */
  root(entry: TarEntry): void {
    if (this.#rootEntry !== undefined) throw new ArchiveError('"rootfs" stands in it twice');
    this.#rootEntry = entry;
  }

  begin(entry: TarEntry): void {
    if (entry.type === 'file') this.#current = { entry, state: 'new' };
    else this.#add(entry, entry.type);
    this.#summary.entries += 1;
  }

  data(chunk: Buffer): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#summary.bytes += chunk.length;
    if (current.state === 'new' && chunk.length === current.entry.size) {
      this.#batch.wholeFile(current.entry, chunk);
      current.state = 'whole';
      return;
    }
    this.#beginFile(current);
    this.#batch.data(current.entry, chunk);
  }

  /** A part of the file that the archive says is empty. */
  hole(bytes: number): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#summary.bytes += bytes;
    this.#beginFile(current);
    this.#batch.hole(current.entry, bytes);
  }

  end(): void {
    const current = this.#current;
    if (current === undefined) return;
    if (current.state === 'begun') this.#batch.endFile(current.entry);
    else if (current.state === 'new') this.#batch.wholeFile(current.entry, nothing);
    this.#addXattrs(current.entry);
    this.#current = undefined;
  }

  /**
   * Has what was collected carried out, after what was handed in before. The content that came with it must stay as it is until
   * the promise settles. After a failure nothing more is carried out.
   */
  submit(): Promise<void> {
    const batch = this.#batch;
    if (batch.steps.length === 0) return this.#running;
    this.#batch = this.#free.pop() ?? new TreeBatch();
    this.#running = this.#running.then(async () => {
      await this.#carryOut(batch);
      batch.clear();
      this.#free.push(batch);
    });
    // Reported to whoever waits for it, and to whoever goes on.
    this.#running.catch((error: unknown) => {
      this.#failure ??= { error };
    });
    return this.#running;
  }

  /** Throws what a batch failed with. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** After the last {@link submit}: a character device 0:0. False where something has this path already. */
  addWhiteout(path: Buffer): boolean {
    const node = { type: 'character', mode: 0, major: 0, minor: 0 } as const;
    try {
      this.#withParents(path, () => fs.makeNode(this.#root, path, node));
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw archiveFault(path, error);
    }
    fs.setAttributes(this.#root, path, { ...impliedAttributes, mode: 0 });
    this.#summary.entries += 1;
    return true;
  }

  /** After the last {@link submit}: makes what is missing of these directories. */
  addDirectories(path: Buffer): void {
    try {
      this.#makeParents(path);
      if (path.length > 0 && !this.#makeImplied(path) && !this.isDirectory(path)) {
        throw new ArchiveError(`${shownPath(path)} stands in it twice`);
      }
    } catch (error) {
      throw archiveFault(path, error);
    }
  }

  isDirectory(path: Buffer): boolean {
    try {
      closeSync(fs.openDirectory(this.#root, path));
      return true;
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENOENT') return false;
      throw error;
    }
  }

  /** Carries everything out, and sets what could not be set earlier. Only {@link close} may follow. */
  async finish(): Promise<TreeSummary> {
    await this.submit();
    const implied = [...(this.#rootEntry === undefined ? [''] : []), ...[...this.#implied].toSorted()];
    for (const entry of this.#directories.values()) this.#setAttributes(entry.path, entry);
    for (const path of this.#implied) fs.setAttributes(this.#root, Buffer.from(path, 'latin1'), impliedAttributes);
    if (this.#rootEntry !== undefined) this.#setAttributes(null, this.#rootEntry);
    else fs.setAttributes(this.#root, null, impliedAttributes);
    return { ...this.#summary, ...(implied.length === 0 ? {} : { implied }) };
  }

  /** Lets go of what is open; waits for what is being carried out. */
  async close(): Promise<void> {
    await this.#running.catch(() => {});
    this.#native.close();
  }

  #beginFile(current: { entry: TarEntry; state: 'new' | 'begun' | 'whole' }): void {
    if (current.state === 'new') this.#batch.beginFile(current.entry);
    current.state = 'begun';
  }

  #add(entry: TarEntry, type: Exclude<TarEntry['type'], 'file'>): void {
    if (type === 'directory') {
      this.#batch.directory(entry);
      this.#directories.set(entry.path.toString('latin1'), entry);
      return;
    }
    if (type === 'hardlink') {
      this.#batch.hardlink(entry);
      return;
    }
    if (type === 'symlink') this.#batch.symlink(entry);
    else this.#batch.node(entry, type);
    this.#addXattrs(entry);
  }

  #addXattrs(entry: TarEntry): void {
    for (const [name, value] of entry.xattrs) {
      if (keepsXattr(name)) this.#batch.xattr(entry, name, value);
      else this.#warnOnce(name, 'has no meaning in a pod');
    }
  }

  async #carryOut(batch: TreeBatch): Promise<void> {
    for (let at = 0; at < batch.records.length; ) {
      try {
        await this.#native.run(batch.records.bytes, batch.content, at);
        return;
      } catch (error) {
        const failed = batch.find((error as BatchError).at);
        if (failed === undefined) throw error;
        at = this.#settle(failed.step, error) === 'again' ? failed.step.at : failed.next;
      }
    }
  }

  /** Deals with what the kernel refused, or turns it into words about the archive. */
  #settle(step: Step, error: unknown): 'again' | 'done' {
    const { kind, entry } = step;
    const code = errnoOf(error);
    if (kind === 'data' || kind === 'end') {
      throw code === 'EFBIG'
        ? new ArchiveError(`${shownPath(entry.path)} is too large for the file system`, error)
        : error;
    }
    if (kind === 'xattr') {
      this.#settleXattr(entry.path, step.name as string, error);
      return 'done';
    }
    if (code === 'ENOENT' && this.#makeMissing(entry.path)) return 'again';
    if (kind === 'directory' && code === 'EEXIST' && this.#isKnownDirectory(entry)) {
      this.#summary.entries -= 1;
      return 'done';
    }
    if (kind === 'hardlink') return this.#settleLink(entry, error);
    throw archiveFault(entry.path, error);
  }

  #makeMissing(path: Buffer): boolean {
    try {
      return this.#makeParents(path);
    } catch (error) {
      throw archiveFault(path, error);
    }
  }

  /** Whether a directory was made for what is in it, or may stand in the archive again. */
  #isKnownDirectory(entry: TarEntry): boolean {
    if (this.#implied.delete(entry.path.toString('latin1'))) return true;
    return this.#options.repeatedDirectories === true && this.isDirectory(entry.path);
  }

  #settleLink(entry: TarEntry, error: unknown): 'done' {
    const code = errnoOf(error);
    // EPERM: a directory. What concerns the new name and not the target is like that of any entry.
    if (code === 'EPERM') throw new ArchiveError(`${shownPath(entry.path)} is a hard link to a directory`, error);
    if (code !== 'ENOENT') throw archiveFault(entry.path, error);
    if (this.#options.missingLinks !== undefined) {
      this.#options.missingLinks(entry);
      this.#summary.entries -= 1;
      return 'done';
    }
    throw missingTarget(entry, error);
  }

  #withParents<T>(path: Buffer, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || !this.#makeParents(path)) throw error;
      return make();
    }
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

  #setAttributes(path: Buffer | null, entry: TarEntry): void {
    fs.setAttributes(this.#root, path, entry);
    for (const [name, value] of entry.xattrs) this.#setXattr(path, name, value);
  }

  #setXattr(path: Buffer | null, name: string, value: Buffer): void {
    if (!keepsXattr(name)) {
      this.#warnOnce(name, 'has no meaning in a pod');
      return;
    }
    try {
      fs.setXattr(this.#root, path, name, value);
    } catch (error) {
      this.#settleXattr(path ?? nothing, name, error);
    }
  }

  /** EPERM: of a link or a node. EINVAL: no capabilities, no access list. */
  #settleXattr(path: Buffer, name: string, error: unknown): void {
    const code = errnoOf(error) ?? '';
    if (['EPERM', 'EACCES', 'EINVAL', 'E2BIG', 'ERANGE'].includes(code)) {
      const what = path.length === 0 ? 'its root' : shownPath(path);
      throw new ArchiveError(`${what} has an impossible extended attribute ${JSON.stringify(name)}`, error);
    }
    if (code !== 'ENOTSUP') throw error;
    this.#warnOnce(name, 'is not supported by the file system');
  }

  #warnOnce(name: string, why: string): void {
    if (this.#unsupported.has(name)) return;
    this.#unsupported.add(name);
    this.#options.warn(`the extended attribute ${JSON.stringify(name)} is dropped: it ${why}`);
  }
}

/** The error for a hard link to something that neither the archive nor what lies below it has. */
export function missingTarget(entry: TarEntry, cause?: unknown): ArchiveError {
  return new ArchiveError(
    `${shownPath(entry.path)} is a hard link to ${shownPath(entry.link)}, which does not stand before it`,
    cause,
  );
}

/** The kernel's refusal as words about the archive; anything else as it is. */
function archiveFault(path: Buffer, error: unknown): unknown {
  const fault = archiveFaults[errnoOf(error) ?? ''];
  return fault === undefined || error instanceof ArchiveError
    ? error
    : new ArchiveError(`${shownPath(path)} ${fault}`, error);
}
