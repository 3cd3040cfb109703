import { createHash } from 'node:crypto';
import {
  type BigIntStats,
  constants,
  createWriteStream,
  lstatSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { getXattr, listXattrs } from '../../native/fs.ts';
import { imageIdPrefix } from '../appc/image-id.ts';
import { parseImageManifest } from '../appc/image-manifest.ts';
import { errnoOf, isRktError, messageOf, RktError } from '../base/errors.ts';
import { chunksOf } from './file-chunks.ts';
import { attributeSource, type Layer, type MergedEntry, mergedChildren } from './render/merged-view.ts';
import { shownPath } from './shown-path.ts';
import type { EntryType, TarEntry } from './tar-entry.ts';
import { encodeEntry, endOfArchive, paddingOf } from './tar-writer.ts';
import { keepsXattr } from './xattrs.ts';

export interface BuildOptions {
  /**
   * What becomes the root filesystem, with owners, modes, times, links, nodes and extended attributes: a directory, or layers
   * that are merged.
   */
  rootfs: string | readonly Layer[];
  /** The image manifest: JSON text, taken over as it is, or a value to encode. */
  manifest: string | object;
  /** The file to write; replaced if it exists, and only when everything went well. */
  output: string;
  compression?: 'none' | 'gzip' | 'zstd';
  /** Owner of everything instead of the files' own. */
  owner?: { uid: number; gid: number };
  /** Files below this path have ids that are larger by so much than they are meant to be. */
  shifted?: { root: string; by: number };
  /** Seconds since the epoch: no file is said to be newer (https://reproducible-builds.org/specs/source-date-epoch). */
  newest?: number;
  /** Paths that do not come along, relative. */
  leaveOut?: ReadonlySet<string>;
  /** Called with what cannot be part of an image, which is left out then; otherwise it is an error. */
  onUnfit?: (path: string, reason: string) => void;
}

export interface BuiltImage {
  id: string;
  /** Bytes of the uncompressed tar. */
  size: number;
}

function typeOf(status: BigIntStats): EntryType | undefined {
  if (status.isFile()) return 'file';
  if (status.isDirectory()) return 'directory';
  if (status.isSymbolicLink()) return 'symlink';
  if (status.isCharacterDevice()) return 'character';
  if (status.isBlockDevice()) return 'block';
  return status.isFIFO() ? 'fifo' : undefined;
}

/** The numbers inside a dev_t, as glibc's sys/sysmacros.h takes it apart. */
function deviceOf(rdev: bigint): { major: number; minor: number } {
  const major = ((rdev >> 32n) & 0xfffff000n) | ((rdev >> 8n) & 0xfffn);
  const minor = ((rdev >> 12n) & 0xffffff00n) | (rdev & 0xffn);
  return { major: Number(major), minor: Number(minor) };
}

/** With these, overlayfs says that a part of a file or directory is elsewhere, under another name. */
const overlayReferences = ['trusted.overlay.redirect', 'trusted.overlay.metacopy'];

function xattrsOf(path: Buffer): Map<string, Buffer> {
  try {
    const names = listXattrs(path);
    if (names.some((name) => overlayReferences.includes(name))) {
      fail(path, 'overlayfs keeps a part of it elsewhere (its options redirect_dir and metacopy)');
    }
    return new Map(names.filter(keepsXattr).map((name) => [name, getXattr(path, name)]));
  } catch (error) {
    if (errnoOf(error) === 'ENOTSUP') return new Map();
    throw error;
  }
}

function fail(path: Uint8Array, reason: string): never {
  throw new RktError(`cannot put ${shownPath(path)} into an image: ${reason}`, { code: 'EIMAGE' });
}

/** What the user wants to be different from the files. */
type Overrides = Pick<BuildOptions, 'owner' | 'shifted' | 'newest' | 'leaveOut' | 'onUnfit'>;

/** Walks the merged view in the order of the names' bytes and says what each file's entry is. */
class Walk {
  readonly #overrides: Overrides;
  /** First path of every inode with several names. */
  readonly #linked = new Map<string, Buffer>();

  constructor(overrides: Overrides) {
    this.#overrides = overrides;
  }

  *entries({ path, source, layers }: MergedEntry): Generator<{ entry: TarEntry; source: Buffer }> {
    if (this.#overrides.leaveOut?.has(path.toString()) === true) return;
    const real = layers === undefined ? source : attributeSource(layers, path);
    const entry = this.#entryOf(real, path);
    if (entry === undefined) return;
    yield { entry, source };
    if (layers === undefined) return;
    for (const child of mergedChildren(layers, path)) yield* this.entries(child);
  }

  /** Undefined for what is left out. */
  #entryOf(source: Buffer, inside: Buffer): TarEntry | undefined {
    const status = lstatSync(source, { bigint: true });
    const type = typeOf(status);
    if (type === undefined) return this.#unfit(source, inside, 'it is a socket');
    const isDevice = type === 'character' || type === 'block';
    const device = isDevice ? deviceOf(status.rdev) : { major: 0, minor: 0 };
    if (isDevice && !inside.toString('latin1').startsWith('dev/')) {
      return this.#unfit(source, inside, 'it is a device node outside of /dev');
    }
    const path = Buffer.concat([Buffer.from(inside.length === 0 ? 'rootfs' : 'rootfs/'), inside]);
    const first = type === 'directory' ? undefined : this.#firstName(status, path);
    const { owner } = this.#overrides;
    const shift = this.#shiftOf(source);
    return {
      type: first === undefined ? type : 'hardlink',
      path: type === 'directory' ? Buffer.concat([path, Buffer.from('/')]) : path,
      link: first ?? (type === 'symlink' ? readlinkSync(source, { encoding: 'buffer' }) : Buffer.alloc(0)),
      mode: Number(status.mode & 0o7777n),
      uid: owner?.uid ?? Number(status.uid) - shift,
      gid: owner?.gid ?? Number(status.gid) - shift,
      size: type === 'file' && first === undefined ? Number(status.size) : 0,
      mtime: this.#timeOf(status),
      device,
      xattrs: first === undefined ? xattrsOf(source) : new Map(),
    };
  }

  #unfit(source: Buffer, inside: Buffer, reason: string): undefined {
    const { onUnfit } = this.#overrides;
    if (onUnfit === undefined) fail(source, reason);
    onUnfit(shownPath(Buffer.concat([Buffer.from('/'), inside])), reason);
  }

  #shiftOf(source: Buffer): number {
    const { shifted } = this.#overrides;
    if (shifted === undefined) return 0;
    const path = source.toString('latin1');
    const root = Buffer.from(shifted.root).toString('latin1');
    return path === root || path.startsWith(`${root}/`) ? shifted.by : 0;
  }

  #timeOf({ mtimeNs }: BigIntStats): TarEntry['mtime'] {
    const { newest } = this.#overrides;
    const time = timestampOf(mtimeNs);
    return newest !== undefined && time.sec >= newest ? { sec: newest, nsec: 0 } : time;
  }

  #firstName(status: BigIntStats, path: Buffer): Buffer | undefined {
    if (status.nlink < 2n) return undefined;
    const inode = `${status.dev}:${status.ino}`;
    const first = this.#linked.get(inode);
    if (first === undefined) this.#linked.set(inode, path);
    return first;
  }
}

function timestampOf(ns: bigint): TarEntry['mtime'] {
  const nsec = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return { sec: Number((ns - nsec) / 1_000_000_000n), nsec: Number(nsec) };
}

function manifestEntry(content: Buffer): TarEntry {
  return {
    type: 'file',
    path: Buffer.from('manifest'),
    link: Buffer.alloc(0),
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: content.length,
    mtime: { sec: 0, nsec: 0 },
    device: { major: 0, minor: 0 },
    xattrs: new Map(),
  };
}

async function* contentOf(source: Buffer, size: number): AsyncGenerator<Buffer> {
  const handle = await open(source, constants.O_RDONLY | constants.O_NOFOLLOW);
  let rest = size;
  try {
    for await (const chunk of chunksOf(handle)) {
      rest -= chunk.length;
      if (rest < 0) break;
      yield chunk;
    }
  } finally {
    await handle.close();
  }
  if (rest !== 0) fail(source, 'it changed while it was read');
}

/** The root of a directory or of layers. */
function rootOf(rootfs: BuildOptions['rootfs']): MergedEntry {
  const layers = typeof rootfs === 'string' ? [{ root: Buffer.from(rootfs), plain: true }] : rootfs;
  const nothing = Buffer.alloc(0);
  return { name: nothing, path: nothing, source: (layers[0] as Layer).root, layers };
}

async function* archive(manifest: Buffer, rootfs: MergedEntry, overrides: Overrides): AsyncGenerator<Buffer> {
  yield Buffer.concat([encodeEntry(manifestEntry(manifest)), manifest, paddingOf(manifest.length)]);
  for (const { entry, source } of new Walk(overrides).entries(rootfs)) {
    yield encodeEntry(entry);
    if (entry.size > 0) yield* contentOf(source, entry.size);
    yield paddingOf(entry.size);
  }
  yield endOfArchive;
}

/** Compressors write no time and no name, so that the same content gives the same file. */
async function compressor(compression: BuildOptions['compression']): Promise<Transform | undefined> {
  if (compression === undefined || compression === 'none') return undefined;
  const { constants: zlib, createGzip, createZstdCompress } = await import('node:zlib');
  // zstd has a checksum only where one is asked for.
  return compression === 'gzip' ? createGzip() : createZstdCompress({ params: { [zlib.ZSTD_c_checksumFlag]: 1 } });
}

/**
 * Writes an App Container Image: the manifest, then the root filesystem with its entries sorted by name. The same input gives
 * the same bytes. Throws EMANIFEST for a bad manifest and EIMAGE for what cannot be read or be part of an image.
 */
export async function buildAci(options: BuildOptions): Promise<BuiltImage> {
  const { rootfs, manifest, output, compression } = options;
  const text = Buffer.from(typeof manifest === 'string' ? manifest : `${JSON.stringify(manifest, undefined, 2)}\n`);
  parseImageManifest(text);
  const hash = createHash('sha512');
  let size = 0;
  async function* metered(): AsyncGenerator<Buffer> {
    for await (const chunk of archive(text, rootOf(rootfs), options)) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  const unfinished = `${output}.unfinished-${process.pid}`;
  try {
    if (typeof rootfs === 'string' && !statSync(rootfs).isDirectory()) {
      fail(Buffer.from(rootfs), 'it is not a directory');
    }
    const transform = await compressor(compression);
    const target = createWriteStream(unfinished, { mode: 0o644 });
    await (transform === undefined ? pipeline(metered, target) : pipeline(metered, transform, target));
    renameSync(unfinished, output);
  } catch (error) {
    rmSync(unfinished, { force: true });
    if (isRktError(error)) throw error;
    throw new RktError(`cannot build image ${output}: ${messageOf(error).replaceAll(unfinished, output)}`, {
      code: 'EIMAGE',
      cause: error,
    });
  }
  return { id: imageIdPrefix + hash.digest('hex'), size };
}
