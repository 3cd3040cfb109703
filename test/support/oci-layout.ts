/** OCI image layouts (image-layout.md) made by hand, byte by byte, so that a test knows exactly what is in an image. */

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface Layer {
  /** Uncompressed tar archive. */
  readonly tar: Uint8Array;
  /** Default gzip. */
  readonly compression?: 'none' | 'gzip' | 'zstd';
}

export interface Image {
  /** The lowest first. */
  readonly layers: readonly Layer[];
  /** The member `config` of the configuration: Entrypoint, Env, … */
  readonly config?: object;
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
}

export const sha256 = (content: Uint8Array): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;

const layerType = 'application/vnd.oci.image.layer.v1.tar';
const compressions = {
  none: { suffix: '', compress: (tar: Uint8Array): Uint8Array => tar },
  gzip: { suffix: '+gzip', compress: (tar: Uint8Array): Uint8Array => gzipSync(tar, { level: 1 }) },
  zstd: { suffix: '+zstd', compress: (tar: Uint8Array): Uint8Array => zstdCompressSync(tar) },
} as const;

/** A directory in the form that skopeo calls `oci:`. */
export class OciLayout {
  readonly dir: string;
  readonly #tags: (Descriptor & { annotations: Record<string, string> })[] = [];

  constructor(dir: string) {
    this.dir = dir;
    mkdirSync(join(dir, 'blobs', 'sha256'), { recursive: true });
    writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  }

  blob(content: Uint8Array, mediaType: string): Descriptor {
    const digest = sha256(content);
    writeFileSync(join(this.dir, 'blobs', 'sha256', digest.slice('sha256:'.length)), content);
    return { mediaType, digest, size: content.length };
  }

  json(value: unknown, mediaType: string): Descriptor {
    return this.blob(Buffer.from(JSON.stringify(value)), mediaType);
  }

  /** Stores an image and returns its manifest's descriptor. */
  image({ layers, config = {}, platform = { os: 'linux', architecture: 'amd64' } }: Image): Descriptor {
    const descriptors = layers.map(({ tar, compression = 'gzip' }) => {
      const { suffix, compress } = compressions[compression];
      return this.blob(compress(tar), layerType + suffix);
    });
    const document = {
      ...platform,
      config,
      rootfs: { type: 'layers', diff_ids: layers.map(({ tar }) => sha256(tar)) },
    };
    const configDescriptor = this.json(document, 'application/vnd.oci.image.config.v1+json');
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    return this.json({ schemaVersion: 2, mediaType, config: configDescriptor, layers: descriptors }, mediaType);
  }

  /** Stores an index of images for several platforms. */
  index(images: readonly Image[]): Descriptor {
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    const manifests = images.map((image) => ({ ...this.image(image), platform: image.platform }));
    return this.json({ schemaVersion: 2, mediaType, manifests }, mediaType);
  }

  /** Gives a manifest or index a name. */
  tag(descriptor: Descriptor, name: string): void {
    this.#tags.push({ ...descriptor, annotations: { 'org.opencontainers.image.ref.name': name } });
    writeFileSync(join(this.dir, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: this.#tags }));
  }
}
