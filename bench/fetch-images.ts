/** Images for the bench of downloads: made anew each time, always the same bytes. */

import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { TarEntry } from '../runtime/image/tar-entry.ts';
import { encodeEntry, endOfArchive, paddingOf } from '../runtime/image/tar-writer.ts';
import { type Descriptor, type OciLayout, sha256 } from '../test/support/oci-layout.ts';

const compress = promisify(gzip);
const megabyte = 1024 * 1024;

/** Bytes that gzip makes a third of, like programs and libraries: repetitions of what was random once. */
class Content {
  readonly #pool: Buffer;
  #at = 0;
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
    this.#pool = Buffer.alloc(4 * megabyte);
    for (let at = 0; at < this.#pool.length; at += 16) {
      // Two lines of three repeat something that stands a little before them.
      const back = 16 * (1 + (this.#next() % 1024));
      if (at > back && this.#next() % 3 !== 0) this.#pool.copyWithin(at, at - back, at - back + 16);
      else for (let word = 0; word < 16; word += 4) this.#pool.writeUInt32LE(this.#next(), at + word);
    }
  }

  /** xorshift32 */
  #next(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    this.#state >>>= 0;
    return this.#state;
  }

  take(size: number): Buffer {
    const parts: Buffer[] = [];
    for (let rest = size; rest > 0; ) {
      const part = this.#pool.subarray(this.#at, this.#at + rest);
      parts.push(part);
      rest -= part.length;
      this.#at = (this.#at + part.length) % this.#pool.length;
    }
    return Buffer.concat(parts);
  }
}

function fileEntry(path: string, size: number, type: 'file' | 'directory'): Buffer {
  const entry: TarEntry = {
    type,
    path: Buffer.from(path),
    link: Buffer.alloc(0),
    mode: type === 'directory' ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    size,
    mtime: { sec: 1_700_000_000, nsec: 0 },
    device: { major: 0, minor: 0 },
    xattrs: new Map(),
  };
  return encodeEntry(entry);
}

/** A layer with `files` files of `size` bytes, a hundred to a directory. */
export function layerTar(name: string, files: number, size: number, seed: number): Buffer {
  const content = new Content(seed);
  const parts: Buffer[] = [];
  for (let index = 0; index < files; index++) {
    const directory = `${name}/${Math.floor(index / 100)}/`;
    if (index === 0) parts.push(fileEntry(`${name}/`, 0, 'directory'));
    if (index % 100 === 0) parts.push(fileEntry(directory, 0, 'directory'));
    parts.push(fileEntry(`${directory}file-${index}`, size, 'file'), content.take(size), paddingOf(size));
  }
  return Buffer.concat([...parts, endOfArchive]);
}

interface LayerSpec {
  readonly files: number;
  readonly size: number;
}

export interface BenchImage {
  readonly tag: string;
  readonly label: string;
}

interface BuiltLayer {
  readonly descriptor: Descriptor;
  readonly diffId: string;
}

async function buildLayer(layout: OciLayout, name: string, { files, size }: LayerSpec): Promise<BuiltLayer> {
  const seed = createHash('sha256').update(name).digest().readUInt32LE();
  const tar = layerTar(name, files, size, seed);
  const packed = await compress(tar, { level: 4 });
  return { descriptor: layout.blob(packed, 'application/vnd.oci.image.layer.v1.tar+gzip'), diffId: sha256(tar) };
}

function tagImage(layout: OciLayout, tag: string, layers: readonly BuiltLayer[]): void {
  const config = {
    os: 'linux',
    architecture: 'amd64',
    config: { Cmd: ['/bin/true'] },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: layout.json(config, 'application/vnd.oci.image.config.v1+json'),
    layers: layers.map(({ descriptor }) => descriptor),
  };
  layout.tag(layout.json(manifest, mediaType), tag);
}

/** Makes all images in `layout`. The last one shares seven of its eight layers with the one before. */
export async function makeImages(layout: OciLayout): Promise<BenchImage[]> {
  const large = [
    await buildLayer(layout, 'large-a', { files: 3, size: 64 * megabyte }),
    await buildLayer(layout, 'large-b', { files: 3, size: 64 * megabyte }),
  ];
  tagImage(layout, 'large', large);
  tagImage(layout, 'small', [await buildLayer(layout, 'small', { files: 20_000, size: 4096 })]);
  const eight: BuiltLayer[] = [];
  for (let index = 0; index < 9; index++) {
    eight.push(await buildLayer(layout, `eight-${index}`, { files: 1500, size: 20_000 }));
  }
  tagImage(layout, 'eight', eight.slice(0, 8));
  tagImage(layout, 'seven-shared', [...eight.slice(0, 7), eight[8] as BuiltLayer]);
  return [
    { tag: 'large', label: 'two layers, six files of 64 MiB' },
    { tag: 'small', label: 'one layer, 20,000 files of 4 KiB' },
    { tag: 'eight', label: 'eight layers of 1,500 files, 30 MB each' },
    { tag: 'seven-shared', label: 'the same with one other layer, after it' },
  ];
}
