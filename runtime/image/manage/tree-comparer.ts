import { type BigIntStats, closeSync, constants, lstatSync, openSync, readlinkSync, readSync } from 'node:fs';
import { getXattr, listXattrs, openDirectory } from '../../../native/fs.ts';
import { errnoOf } from '../../base/errors.ts';
import type { TreeSink } from '../aci-layout.ts';
import { shownPath } from '../shown-path.ts';
import type { EntryType, TarEntry } from '../tar-entry.ts';
import { keepsXattr } from '../xattrs.ts';

/** Differences that are worth telling; a damaged disk can make very many. */
const maxDifferences = 10;

const zeros = Buffer.alloc(64 * 1024);

const isType: Readonly<Record<EntryType, (status: BigIntStats) => boolean>> = {
  file: (status) => status.isFile(),
  // The target's own entry says what it is.
  hardlink: (status) => !status.isDirectory(),
  symlink: (status) => status.isSymbolicLink(),
  directory: (status) => status.isDirectory(),
  character: (status) => status.isCharacterDevice(),
  block: (status) => status.isBlockDevice(),
  fifo: (status) => status.isFIFO(),
};

/** Compares an extracted tree with the entries of the archive that it came from, content and properties. */
export class TreeComparer implements TreeSink {
  readonly #root: number;
  /** What is different, in words; more than a few are not collected. */
  readonly differences: string[] = [];
  #current: { entry: TarEntry; fd: number; position: number; differs: boolean } | undefined;

  /** `root` is a descriptor of the tree; it stays the caller's. */
  constructor(root: number) {
    this.#root = root;
  }

  root(entry: TarEntry): void {
    this.#compare(entry, lstatSync(`/proc/self/fd/${this.#root}/.`, { bigint: true }));
  }

  begin(entry: TarEntry): void {
    this.#at(entry.path, (path) => {
      const status = lstatSync(path, { bigint: true });
      if (!isType[entry.type](status)) this.#note(entry, 'is of another type');
      else if (entry.type !== 'hardlink') this.#compare(entry, status, path);
      if (entry.type === 'file' && status.isFile()) {
        const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
        this.#current = { entry, fd, position: 0, differs: false };
      }
    });
  }

  data(chunk: Buffer): void {
    const current = this.#current;
    if (current === undefined || current.differs) return;
    const found = Buffer.allocUnsafe(chunk.length);
    const count = readSync(current.fd, found, 0, chunk.length, current.position);
    current.position += chunk.length;
    if (count === chunk.length && found.equals(chunk)) return;
    current.differs = true;
    this.#note(current.entry, 'has other content');
  }

  hole(bytes: number): void {
    for (let rest = bytes; rest > 0; rest -= zeros.length) this.data(zeros.subarray(0, Math.min(rest, zeros.length)));
  }

  end(): void {
    this.close();
  }

  /** Lets go of what is open. */
  close(): void {
    if (this.#current !== undefined) closeSync(this.#current.fd);
    this.#current = undefined;
  }

  /** Runs `work` with a path that leads to an entry without following links. */
  #at(path: Buffer, work: (path: Buffer) => void): void {
    const end = path.lastIndexOf(0x2f);
    let directory: number;
    try {
      directory = openDirectory(this.#root, end < 0 ? '.' : path.subarray(0, end));
    } catch {
      this.#add(`${shownPath(path)} is missing`);
      return;
    }
    try {
      work(Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), path.subarray(end + 1)]));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      this.#add(`${shownPath(path)} is missing`);
    } finally {
      closeSync(directory);
    }
  }

  #compare(entry: TarEntry, status: BigIntStats, path?: Buffer): void {
    const { uid, gid, mode, mtime, size, type } = entry;
    if (status.uid !== BigInt(uid) || status.gid !== BigInt(gid)) this.#note(entry, 'has another owner');
    if (type !== 'symlink' && (status.mode & 0o7777n) !== BigInt(mode)) this.#note(entry, 'has another mode');
    if (status.mtimeNs !== BigInt(mtime.sec) * 1_000_000_000n + BigInt(mtime.nsec))
      this.#note(entry, 'has another time');
    if (type === 'file' && status.size !== BigInt(size)) this.#note(entry, 'has another size');
    if (path === undefined) return;
    if (type === 'symlink' && !readlinkSync(path, { encoding: 'buffer' }).equals(entry.link)) {
      this.#note(entry, 'points elsewhere');
    }
    if (!this.#sameXattrs(entry, path)) this.#note(entry, 'has other extended attributes');
  }

  #sameXattrs({ xattrs }: TarEntry, path: Buffer): boolean {
    try {
      const wanted = [...xattrs].filter(([name]) => keepsXattr(name));
      const found = listXattrs(path).filter(keepsXattr);
      return found.length === wanted.length && wanted.every(([name, value]) => getXattr(path, name).equals(value));
    } catch (error) {
      // What the file system does not take was dropped when the tree was made, with a warning.
      if (errnoOf(error) === 'ENOTSUP') return true;
      if (errnoOf(error) === 'ENODATA') return false;
      throw error;
    }
  }

  #note(entry: TarEntry, what: string): void {
    this.#add(`${entry.path.length === 0 ? '"/"' : shownPath(entry.path)} ${what}`);
  }

  #add(difference: string): void {
    if (this.differences.length < maxDifferences) this.differences.push(difference);
  }
}
