/** From a layer's archive to a directory that overlayfs can stack on those of the layers below. */

import { setXattr } from '../../../native/fs.ts';
import { joined } from '../archive-path.ts';
import { ArchiveError } from '../errors.ts';
import { shownPath } from '../shown-path.ts';
import type { TarEntry } from '../tar-entry.ts';
import type { EntrySink } from '../tar-reader.ts';
import { type TreeSummary, TreeWriter } from '../tree-writer.ts';
import type { Attempt } from './budget.ts';
import { layerComponents, markerOf } from './layer-path.ts';
import { Whiteouts } from './whiteouts.ts';

/** overlayfs' mark of a directory that hides what the layers below have in it (kernel, overlayfs.rst). */
export const opaqueAttribute = 'trusted.overlay.opaque';

export interface LayerTreeOptions {
  /** A descriptor of the empty directory; it stays the caller's. */
  readonly root: number;
  /** The lowest layer has nothing to hide: its whiteouts are dropped, and would be seen in listings. */
  readonly lowest: boolean;
  readonly warn: (message: string) => void;
  /** Entries are counted against it. */
  readonly budget: Attempt;
}

export interface LayerSummary extends TreeSummary {
  /** Whiteouts that the archive has, whether they were dropped or not. */
  whiteouts: number;
  /** Hard links to what is not in the layer: it may be in those below (loose-links.ts). */
  looseLinks: readonly TarEntry[];
}

/**
 * Writes the entries of a layer by TreeWriter, with its rules: nothing leaves the directory, nothing is replaced. A whiteout
 * becomes a character device 0:0, an opaque directory gets its attribute.
 */
export class LayerTree implements EntrySink {
  /** Writes what this decides on. */
  readonly writer: TreeWriter;
  readonly #options: LayerTreeOptions;
  readonly #whiteouts = new Whiteouts();
  readonly #looseLinks: TarEntry[] = [];
  #sawRoot = false;
  #writing = false;
  #closed = false;

  constructor(options: LayerTreeOptions) {
    this.#options = options;
    this.writer = new TreeWriter({
      root: options.root,
      warn: options.warn,
      // Some builders write one entry per file that needs the directory.
      repeatedDirectories: true,
      ...(options.lowest ? {} : { missingLinks: (entry) => this.#looseLinks.push(entry) }),
    });
  }

  get full(): boolean {
    return this.writer.full;
  }

  begin(entry: TarEntry): void {
    this.#options.budget.takeEntry();
    const parts = layerComponents(entry.path);
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
    if (this.#writing) this.writer.data(chunk);
  }

  hole(bytes: number): void {
    if (this.#writing) this.writer.hole(bytes);
  }

  end(): void {
    if (this.#writing) this.writer.end();
    this.#writing = false;
  }

  /** Puts the whiteouts in, and sets what could not be set earlier. */
  async finish(): Promise<LayerSummary> {
    await this.writer.submit();
    const whiteouts = this.#whiteouts.count;
    if (!this.#options.lowest) this.#applyWhiteouts();
    const summary = await this.writer.finish();
    if (!this.#options.lowest) this.#markOpaque();
    return { ...summary, whiteouts, looseLinks: this.#looseLinks };
  }

  /** Lets go of what is open. False where that had been done already. */
  async close(): Promise<boolean> {
    if (this.#closed) return false;
    this.#closed = true;
    await this.writer.close();
    return true;
  }

  #root(entry: TarEntry): void {
    if (entry.type !== 'directory') throw new ArchiveError('its root is not a directory');
    if (!this.#sawRoot) this.writer.root(entry);
    this.#sawRoot = true;
  }

  #write(entry: TarEntry, parts: readonly string[]): void {
    if ((entry.type === 'character' || entry.type === 'block') && parts[0] !== 'dev') {
      throw new ArchiveError(`${shownPath(entry.path)} is a device node outside of /dev`);
    }
    this.writer.begin({ ...entry, path: joined(parts), link: this.#link(entry) });
    this.#writing = true;
  }

  #link(entry: TarEntry): Buffer {
    if (entry.type !== 'hardlink') return entry.link;
    const parts = layerComponents(entry.link);
    if (parts.length === 0) throw new ArchiveError(`${shownPath(entry.path)} is a hard link to a directory`);
    return joined(parts);
  }

  #applyWhiteouts(): void {
    for (const path of this.#whiteouts.opaque) this.writer.addDirectories(Buffer.from(path, 'latin1'));
    for (const path of this.#whiteouts.hidden()) this.#hide(path);
  }

  /** Where the layer has something by this name itself, a directory must hide what was there; anything else does anyway. */
  #hide(path: string): void {
    const bytes = Buffer.from(path, 'latin1');
    if (!this.writer.addWhiteout(bytes) && this.writer.isDirectory(bytes)) this.#whiteouts.makeOpaque([path]);
  }

  #markOpaque(): void {
    for (const path of this.#whiteouts.opaque) {
      const bytes = path === '' ? null : Buffer.from(path, 'latin1');
      setXattr(this.#options.root, bytes, opaqueAttribute, Buffer.from('y'));
    }
  }
}
