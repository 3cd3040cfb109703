/** The layout of an image's archive (aci.md, Image Archives): a file `manifest` and a directory `rootfs`, nothing else. */

import { maxManifestBytes } from '../appc/document.ts';
import { ArchiveError } from './errors.ts';
import { maxPathBytes } from './limits.ts';
import type { TarEntry } from './tar-entry.ts';
import type { EntrySink } from './tar-reader.ts';
import { shownPath, type TreeWriter } from './tree-writer.ts';

/**
 * The components of a path in an archive. `./` before a name and a `/` after it say nothing; `..` and a `/` before it would
 * lead out. Byte strings (latin1), so that names need not be UTF-8.
 */
function components(path: Buffer): string[] {
  if (path.length > maxPathBytes) throw new ArchiveError(`${shownPath(path)} has too long a name`);
  if (path.includes(0)) throw new ArchiveError(`${shownPath(path)} has an impossible name`);
  const text = path.toString('latin1');
  if (text.startsWith('/')) throw new ArchiveError(`${shownPath(path)} is an absolute path`);
  const parts = text.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new ArchiveError(`${shownPath(path)} contains ".."`);
  return parts;
}

const joined = (parts: readonly string[]): Buffer => Buffer.from(parts.join('/'), 'latin1');

/** Checks where entries belong, collects the manifest, and hands everything below `rootfs` on with its path inside it. */
export class AciLayout implements EntrySink {
  readonly #tree: TreeWriter;
  #manifest: Buffer[] | undefined;
  #sawRootfs = false;
  #target: 'manifest' | 'tree' | 'none' = 'none';

  constructor(tree: TreeWriter) {
    this.#tree = tree;
  }

  begin(entry: TarEntry): void {
    const [top, ...rest] = components(entry.path);
    this.#target = 'none';
    if (top === undefined && entry.type === 'directory') return;
    if (top === 'manifest' && rest.length === 0) this.#beginManifest(entry);
    else if (top === 'rootfs' && rest.length === 0) this.#beginRootfs(entry);
    else this.#beginInside(entry, top, rest);
  }

  data(chunk: Buffer): void {
    if (this.#target === 'manifest') this.#manifest?.push(Buffer.from(chunk));
    else if (this.#target === 'tree') this.#tree.data(chunk);
  }

  end(): void {
    if (this.#target === 'tree') this.#tree.end();
    this.#target = 'none';
  }

  /** The manifest's bytes, once everything has been read. */
  finish(): Buffer {
    if (this.#manifest === undefined) throw new ArchiveError('it has no manifest');
    if (!this.#sawRootfs) throw new ArchiveError('it has no rootfs');
    return Buffer.concat(this.#manifest);
  }

  #beginManifest(entry: TarEntry): void {
    if (this.#manifest !== undefined) throw new ArchiveError('"manifest" stands in it twice');
    if (entry.type !== 'file') throw new ArchiveError('its manifest is not a regular file');
    if (entry.size > maxManifestBytes) {
      throw new ArchiveError(`its manifest has ${entry.size} bytes, more than the ${maxManifestBytes} allowed`);
    }
    this.#manifest = [];
    this.#target = 'manifest';
  }

  #beginRootfs(entry: TarEntry): void {
    if (entry.type !== 'directory') throw new ArchiveError('its rootfs is not a directory');
    this.#sawRootfs = true;
    this.#tree.root(entry);
  }

  #beginInside(entry: TarEntry, top: string | undefined, rest: readonly string[]): void {
    if (top !== 'rootfs') throw new ArchiveError(`${shownPath(entry.path)} is neither "manifest" nor inside "rootfs"`);
    this.#sawRootfs = true;
    this.#target = 'tree';
    this.#tree.begin({ ...entry, path: joined(rest), link: this.#link(entry, rest) });
  }

  /** Checks what a link or node may be, and returns a link's target: of a hard link, inside the root filesystem. */
  #link(entry: TarEntry, inside: readonly string[]): Buffer {
    if ((entry.type === 'character' || entry.type === 'block') && inside[0] !== 'dev') {
      throw new ArchiveError(`${shownPath(entry.path)} is a device node outside of /dev`);
    }
    if (entry.type !== 'hardlink') return entry.link;
    const [top, ...rest] = components(entry.link);
    if (top !== 'rootfs' || rest.length === 0) {
      throw new ArchiveError(
        `${shownPath(entry.path)} is a hard link to ${shownPath(entry.link)}, which is not inside "rootfs"`,
      );
    }
    return joined(rest);
  }
}
