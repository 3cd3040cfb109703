/** The layout of an image's archive (aci.md, Image Archives): a file `manifest` and a directory `rootfs`, nothing else. */

import { maxManifestBytes } from '../appc/document.ts';
import { components, joined } from './archive-path.ts';
import { ArchiveError } from './errors.ts';
import { shownPath } from './shown-path.ts';
import type { TarEntry } from './tar-entry.ts';
import type { EntrySink } from './tar-reader.ts';

/** Where a root filesystem goes. */
export interface TreeSink extends EntrySink {
  /** What the archive says of the root directory itself. */
  root(entry: TarEntry): void;
  hole(bytes: number): void;
}

/** Checks where entries belong, collects the manifest, and hands everything below `rootfs` on with its path inside it. */
export class AciLayout implements EntrySink {
  readonly #tree: TreeSink | undefined;
  #manifest: Buffer[] | undefined;
  #sawRootfs = false;
  #target: 'manifest' | 'tree' | 'none' = 'none';

  /** Without a tree everything is checked and nothing written. */
  constructor(tree: TreeSink | undefined) {
    this.#tree = tree;
  }

  get full(): boolean {
    return this.#tree?.full === true;
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
    else if (this.#target === 'tree') this.#tree?.data(chunk);
  }

  hole(bytes: number): void {
    if (this.#target === 'manifest') throw new ArchiveError('its manifest is a sparse file');
    if (this.#target === 'tree') this.#tree?.hole(bytes);
  }

  end(): void {
    if (this.#target === 'tree') this.#tree?.end();
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
    this.#tree?.root(entry);
  }

  #beginInside(entry: TarEntry, top: string | undefined, rest: readonly string[]): void {
    if (top !== 'rootfs') throw new ArchiveError(`${shownPath(entry.path)} is neither "manifest" nor inside "rootfs"`);
    this.#sawRootfs = true;
    this.#target = 'tree';
    this.#tree?.begin({ ...entry, path: joined(rest), link: this.#link(entry, rest) });
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
