import { ArchiveError } from '../errors.ts';

/** Bytes of whiteouts' names in one layer that are kept in memory. */
const maxNameBytes = 64 * 1024 * 1024;

/** Paths are byte strings (latin1) without a slash at the edges; the empty one is the root. */
type Path = string;

/**
 * The whiteouts of one layer, collected until everything else of the layer is there: an archive may name a whiteout before or
 * after what the same layer puts in its place, and means the same (OCI image-spec, layer.md: whiteouts hide lower layers only).
 */
export class Whiteouts {
  readonly #hidden = new Set<Path>();
  readonly #opaque = new Set<Path>();
  #nameBytes = 0;

  /** Below this layer nothing has this name. */
  hide(parts: readonly string[]): void {
    this.#add(this.#hidden, parts.join('/'));
  }

  /** Below this layer there is nothing in this directory. */
  makeOpaque(parts: readonly string[]): void {
    this.#add(this.#opaque, parts.join('/'));
  }

  get count(): number {
    return this.#hidden.size + this.#opaque.size;
  }

  get opaque(): Iterable<Path> {
    return this.#opaque;
  }

  /**
   * What is to be hidden by a node of its own. In an opaque directory nothing is left to hide, and overlayfs would show such a
   * node in listings of the directory.
   */
  *hidden(): Generator<Path> {
    for (const path of this.#hidden) {
      if (!this.#isBelowOpaque(path)) yield path;
    }
  }

  #add(set: Set<Path>, path: Path): void {
    if (set.has(path)) return;
    this.#nameBytes += path.length;
    if (this.#nameBytes > maxNameBytes) throw new ArchiveError('it has too many whiteouts');
    set.add(path);
  }

  #isBelowOpaque(path: Path): boolean {
    if (this.#opaque.has('')) return true;
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      if (this.#opaque.has(path.slice(0, at))) return true;
    }
    return false;
  }
}
