import { isFullImageId } from '../appc/image-id.ts';
import { type ImageManifest, parseImageManifest } from '../appc/image-manifest.ts';
import type { Label } from '../appc/labels.ts';
import { RktError } from '../base/errors.ts';

/** How the origin of an image was checked when it was imported. */
export type Verification = { state: 'disabled' };

/** What the store knows of an image. */
export interface ImageInfo {
  /** `sha512-` and the sha512 of the uncompressed tar. */
  id: string;
  name: string;
  labels: Label[];
  manifest: ImageManifest;
  /** The manifest exactly as it stands in the image. */
  manifestText: string;
  /** Path of the archive as it was imported. */
  blob: string;
  /** `sha512-` and the sha512 of the archive as it was imported. */
  blobDigest: string;
  /** Bytes of the archive as it was imported. */
  blobSize: number;
  /** Bytes of the uncompressed tar. */
  size: number;
  /** RFC 3339, UTC. */
  importTime: string;
  verification: Verification;
}

/** The file `info/<id>` (docs/on-disk-format.md). */
interface Stored {
  version: 1;
  id: string;
  blob: string;
  blobSize: number;
  size: number;
  importTime: string;
  verification: Verification;
  manifest: string;
}

export function encodeInfo(info: ImageInfo): string {
  const stored: Stored = {
    version: 1,
    id: info.id,
    blob: info.blobDigest,
    blobSize: info.blobSize,
    size: info.size,
    importTime: info.importTime,
    verification: info.verification,
    manifest: info.manifestText,
  };
  return `${JSON.stringify(stored)}\n`;
}

function damaged(id: string, cause?: unknown): RktError {
  return new RktError(`image ${id}: the store's record of it is damaged`, {
    code: 'EDAMAGED',
    hint: 'fetch the image again',
    cause,
  });
}

function isStored(value: unknown, id: string): value is Stored {
  const stored = value as Partial<Stored> | null;
  return (
    typeof stored === 'object' &&
    stored?.version === 1 &&
    stored.id === id &&
    typeof stored.blob === 'string' &&
    isFullImageId(stored.blob) &&
    typeof stored.blobSize === 'number' &&
    typeof stored.size === 'number' &&
    typeof stored.importTime === 'string' &&
    stored.verification?.state === 'disabled' &&
    typeof stored.manifest === 'string'
  );
}

/** Reads what {@link encodeInfo} wrote for image `id`. Throws EDAMAGED where it is anything else. */
export function decodeInfo(id: string, text: string, blobs: string): ImageInfo {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch (error) {
    throw damaged(id, error);
  }
  if (!isStored(stored, id)) throw damaged(id);
  const manifest = parseImageManifest(stored.manifest);
  return {
    id,
    name: manifest.name,
    labels: manifest.labels,
    manifest,
    manifestText: stored.manifest,
    blob: `${blobs}/${stored.blob}`,
    blobDigest: stored.blob,
    blobSize: stored.blobSize,
    size: stored.size,
    importTime: stored.importTime,
    verification: stored.verification,
  };
}
