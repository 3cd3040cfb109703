/**
 * Several trees as one, as overlayfs shows them (kernel, overlayfs.rst): directories merge, anything else hides what lies
 * below it, a character device 0:0 is a whiteout, and an opaque directory ends the merging. Nothing is mounted for it.
 */

import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { getXattr } from '../../../native/fs.ts';
import { errnoOf } from '../../base/errors.ts';

/** One tree of the stack. */
export interface Layer {
  /** Absolute path of its root. */
  readonly root: Buffer;
  /** Paths of it that count (relative, as byte strings); undefined: all of them. */
  readonly visible?: ReadonlySet<string>;
  /** Directories whose attributes were made up (relative, as byte strings; '' is the root). */
  readonly implied?: ReadonlySet<string>;
  /** Whiteouts and marks mean nothing: it is no layer, just a directory. */
  readonly plain?: boolean;
}

/** Something of the merged view. */
export interface MergedEntry {
  readonly name: Buffer;
  /** Path inside the view, relative. */
  readonly path: Buffer;
  /** Where it really is: the topmost layer that has it. */
  readonly source: Buffer;
  /** Layers that contribute to it, topmost first, where it is a directory; undefined otherwise. */
  readonly layers: readonly Layer[] | undefined;
}

const slash = Buffer.from('/');
const opaqueXattr = 'trusted.overlay.opaque';

/** `directory/name`; the root of a view is the empty path. */
export const joinPath = (directory: Buffer, name: Buffer): Buffer =>
  directory.length === 0 ? name : Buffer.concat([directory, slash, name]);

/** The path of something in one layer. */
export const sourceOf = (layer: Layer, path: Buffer): Buffer =>
  path.length === 0 ? layer.root : Buffer.concat([layer.root, slash, path]);

/** Whether a character device of a layer hides what lies below. */
function isWhiteout(layer: Layer, source: Buffer): boolean {
  return layer.plain !== true && lstatSync(source).rdev === 0;
}

function isOpaque(layer: Layer, source: Buffer): boolean {
  if (layer.plain === true) return false;
  try {
    return getXattr(source, opaqueXattr).toString() === 'y';
  } catch (error) {
    if (errnoOf(error) === 'ENODATA' || errnoOf(error) === 'ENOTSUP') return false;
    throw error;
  }
}

/** What is known of one name while the layers are gone through from the top. */
interface Found {
  readonly name: Buffer;
  readonly source: Buffer;
  /** Undefined: no directory. */
  readonly layers: Layer[] | undefined;
  /** Nothing further down counts. */
  closed: boolean;
  readonly hidden: boolean;
}

/** What the directory `path` of the view has in it, sorted by the bytes of the names. `layers` are those that have it. */
export function mergedChildren(layers: readonly Layer[], path: Buffer): MergedEntry[] {
  const found = new Map<string, Found>();
  layers.forEach((layer, index) => {
    const last = index === layers.length - 1;
    const directory = sourceOf(layer, path);
    for (const entry of readdirSync(directory, { withFileTypes: true, encoding: 'buffer' })) {
      if (layer.visible?.has(joinPath(path, entry.name).toString('latin1')) === false) continue;
      take(found, entry, layer, Buffer.concat([directory, slash, entry.name]), last);
    }
  });
  return [...found.values()]
    .filter(({ hidden }) => !hidden)
    .toSorted((a, b) => Buffer.compare(a.name, b.name))
    .map(({ name, source, layers: contributing }) => ({
      name,
      path: joinPath(path, name),
      source,
      layers: contributing,
    }));
}

function take(found: Map<string, Found>, entry: Dirent<Buffer>, layer: Layer, source: Buffer, last: boolean): void {
  const key = entry.name.toString('latin1');
  const above = found.get(key);
  const isDirectory = entry.isDirectory();
  if (above !== undefined) {
    if (above.closed) return;
    if (isDirectory) above.layers?.push(layer);
    above.closed = !isDirectory || last || isOpaque(layer, source);
    return;
  }
  found.set(key, {
    name: entry.name,
    source,
    layers: isDirectory ? [layer] : undefined,
    closed: !isDirectory || last || isOpaque(layer, source),
    hidden: entry.isCharacterDevice() && isWhiteout(layer, source),
  });
}

/**
 * Where the attributes of a directory come from: the topmost layer whose archive says what they are, or the lowest if none does.
 * overlayfs takes the topmost of all.
 */
export function attributeSource(layers: readonly Layer[], path: Buffer): Buffer {
  const key = path.toString('latin1');
  const layer = layers.find(({ implied }) => implied?.has(key) !== true) ?? layers.at(-1);
  return sourceOf(layer as Layer, path);
}

/** What `path`, a sequence of names without links in it, is in the view; undefined where there is nothing. */
export function lookUp(layers: readonly Layer[], directory: Buffer, name: Buffer): MergedEntry | undefined {
  const path = joinPath(directory, name);
  let source: Buffer | undefined;
  const contributing: Layer[] = [];
  for (const layer of layers) {
    if (layer.visible?.has(path.toString('latin1')) === false) continue;
    const here = sourceOf(layer, path);
    const status = lstatSync(here, { throwIfNoEntry: false });
    if (status === undefined) continue;
    if (!status.isDirectory()) {
      if (source !== undefined) break;
      const hidden = status.isCharacterDevice() && isWhiteout(layer, here);
      return hidden ? undefined : { name, path, source: here, layers: undefined };
    }
    source ??= here;
    contributing.push(layer);
    if (isOpaque(layer, here)) break;
  }
  return source === undefined ? undefined : { name, path, source, layers: contributing };
}

/**
 * What a longer path is in the view, without following links; undefined where there is nothing, or something that is no
 * directory on the way.
 */
export function findPath(layers: readonly Layer[], path: Buffer): MergedEntry | undefined {
  let found: MergedEntry | undefined;
  let within: readonly Layer[] | undefined = layers;
  let start = 0;
  for (const prefix of prefixesOf(path)) {
    if (within === undefined) return undefined;
    found = lookUp(within, prefix.subarray(0, Math.max(start - 1, 0)), prefix.subarray(start));
    if (found === undefined) return undefined;
    within = found.layers;
    start = prefix.length + 1;
  }
  return found;
}

/** Whether a layer says that nothing further down counts in one of its directories, or in one that it lies in. */
export function hidesBelow(layer: Layer, path: Buffer): boolean {
  if (isOpaque(layer, layer.root)) return true;
  for (const directory of prefixesOf(path)) {
    const source = sourceOf(layer, directory);
    if (lstatSync(source, { throwIfNoEntry: false })?.isDirectory() !== true) return false;
    if (isOpaque(layer, source)) return true;
  }
  return false;
}

/** The directories on the way to a path, and the path itself, from the top; none for the root. */
export function* prefixesOf(path: Buffer): Generator<Buffer> {
  if (path.length === 0) return;
  for (let at = path.indexOf(0x2f); at >= 0; at = path.indexOf(0x2f, at + 1)) yield path.subarray(0, at);
  yield path;
}
