/** From a layer's archive to a directory that overlayfs can stack on those of the layers below. */

import { closeSync } from 'node:fs';
import * as fs from '../../../native/fs.ts';
import { errnoOf } from '../../base/errors.ts';
import { components, joined } from '../archive-path.ts';
import { ArchiveError } from '../errors.ts';
import { shownPath } from '../shown-path.ts';
import type { TarEntry } from '../tar-entry.ts';
import type { EntrySink } from '../tar-reader.ts';
import { type TreeSummary, TreeWriter } from '../tree-writer.ts';
import { linkComponents, markerOf } from './layer-path.ts';
import { Whiteouts } from './whiteouts.ts';

/** overlayfs' mark of a directory that hides what the layers below have in it (kernel, overlayfs.rst). */
export const opaqueAttribute = 'trusted.overlay.opaque';

export interface LayerTreeOptions {
  /** A descriptor of the empty directory; it stays the caller's. */
  readonly root: number;
  /** The lowest layer has nothing to hide: its whiteouts are dropped, and would be seen in listings. */
  readonly lowest: boolean;
  readonly warn: (message: string) => void;
}

export interface LayerSummary extends TreeSummary {
  /** Whiteouts that the archive has, whether they were dropped or not. */
  whiteouts: number;
}

/** Of what a layer's archive does not describe itself. */
const impliedEntry = {
  link: Buffer.alloc(0),
  uid: 0,
  gid: 0,
  size: 0,
  mtime: { sec: 0, nsec: 0 },
  device: { major: 0, minor: 0 },
  xattrs: new Map<string, Buffer>(),
} as const;

/** Whether an ArchiveError says that something is there already. */
const isTaken = (error: unknown): boolean =>
  error instanceof ArchiveError && errnoOf((error as { cause?: unknown }).cause) === 'EEXIST';

/**
 * Writes the entries of a layer by TreeWriter, with its rules: nothing leaves the directory, nothing is replaced. A whiteout
 * becomes a character device 0:0, an opaque directory gets its attribute.
 */
export class LayerTree implements EntrySink {
  readonly #options: LayerTreeOptions;
  readonly #tree: TreeWriter;
  readonly #whiteouts = new Whiteouts();
  /** Directories that stand in the archive again: some builders write one entry per file that needs it. The last one counts. */
  readonly #again: TarEntry[] = [];
  #sawRoot = false;
  #writing = false;

  constructor(options: LayerTreeOptions) {
    this.#options = options;
    this.#tree = new TreeWriter(options.root, options.warn);
  }

  begin(entry: TarEntry): void {
    const parts = components(entry.path);
    this.#writing = false;
    if (parts.length === 0) {
      this.#root(entry);
      return;
    }
    const marker = markerOf(parts);
    if (marker === undefined) this.#write(entry, parts);
    else if (marker.kind === 'whiteout') this.#whiteouts.hide(marker.parts);
    else if (marker.kind === 'opaque') this.#whiteouts.makeOpaque(marker.parts);
  }

  data(chunk: Buffer): void {
    if (this.#writing) this.#tree.data(chunk);
  }

  hole(bytes: number): void {
    if (this.#writing) this.#tree.hole(bytes);
  }

  end(): void {
    if (this.#writing) this.#tree.end();
    this.#writing = false;
  }

  /** Puts the whiteouts in, and sets what could not be set earlier. */
  finish(): LayerSummary {
    const whiteouts = this.#whiteouts.count;
    if (!this.#options.lowest) this.#applyWhiteouts();
    const summary = this.#tree.finish();
    for (const entry of this.#again) fs.setAttributes(this.#options.root, entry.path, entry);
    if (!this.#options.lowest) this.#markOpaque();
    return { ...summary, whiteouts };
  }

  /** Gives up an unfinished file. */
  abort(): void {
    this.#tree.abort();
  }

  #root(entry: TarEntry): void {
    if (entry.type !== 'directory') throw new ArchiveError('its root is not a directory');
    if (!this.#sawRoot) this.#tree.root(entry);
    this.#sawRoot = true;
  }

  #write(entry: TarEntry, parts: readonly string[]): void {
    if ((entry.type === 'character' || entry.type === 'block') && parts[0] !== 'dev') {
      throw new ArchiveError(`${shownPath(entry.path)} is a device node outside of /dev`);
    }
    const inside = { ...entry, path: joined(parts), link: this.#link(entry) };
    try {
      this.#tree.begin(inside);
      this.#writing = true;
    } catch (error) {
      if (entry.type !== 'directory' || !isTaken(error) || !this.#isDirectory(inside.path)) throw error;
      this.#again.push(inside);
    }
  }

  #link(entry: TarEntry): Buffer {
    if (entry.type !== 'hardlink') return entry.link;
    const parts = linkComponents(entry.link);
    if (parts.length === 0) throw new ArchiveError(`${shownPath(entry.path)} is a hard link to a directory`);
    return joined(parts);
  }

  #applyWhiteouts(): void {
    for (const path of this.#whiteouts.opaque) this.#ensureDirectory(Buffer.from(path, 'latin1'));
    for (const path of this.#whiteouts.hidden()) this.#hide(path);
  }

  /** Where the layer has something by this name itself, a directory must hide what was there; anything else does anyway. */
  #hide(path: string): void {
    const bytes = Buffer.from(path, 'latin1');
    try {
      this.#tree.begin({ ...impliedEntry, type: 'character', path: bytes, mode: 0 });
      this.#tree.end();
    } catch (error) {
      if (!isTaken(error)) throw error;
      if (this.#isDirectory(bytes)) this.#whiteouts.makeOpaque([path]);
    }
  }

  #ensureDirectory(path: Buffer): void {
    if (path.length === 0 || this.#isDirectory(path)) return;
    this.#tree.begin({ ...impliedEntry, type: 'directory', path, mode: 0o755 });
    this.#tree.end();
  }

  #markOpaque(): void {
    for (const path of this.#whiteouts.opaque) {
      fs.setXattr(
        this.#options.root,
        path === '' ? null : Buffer.from(path, 'latin1'),
        opaqueAttribute,
        Buffer.from('y'),
      );
    }
  }

  #isDirectory(path: Buffer): boolean {
    try {
      closeSync(fs.openDirectory(this.#options.root, path));
      return true;
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENOENT') return false;
      throw error;
    }
  }
}
