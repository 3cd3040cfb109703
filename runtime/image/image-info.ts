import { isFullImageId } from '../appc/image-id.ts';
import { type ImageManifest, parseImageManifest } from '../appc/image-manifest.ts';
import type { Label } from '../appc/labels.ts';
import { RktError } from '../base/errors.ts';
import { isTreeId } from './tree-id.ts';

/** A key that made a good signature. */
export interface Signer {
  /** 40 hex digits, upper case. */
  fingerprint: string;
  /** User ids of the key, as it states them. */
  identities: string[];
}

/**
 * How the origin of an image was checked when it was imported: switched off by the user; signed by keys that are trusted for
 * the image; or signed by keys that nobody trusts yet, so that it must be verified again before anything of it is executed.
 */
export type Verification = { state: 'disabled' } | { state: 'verified'; signers: Signer[] } | { state: 'unverified' };

/** What the store knows of an image. */
export interface ImageInfo {
  /** Of an archive: `sha512-` and the sha512 of the uncompressed tar; of layers: of what they make up (layered-image.ts). */
  id: string;
  name: string;
  labels: Label[];
  manifest: ImageManifest;
  /** The manifest exactly as it stands in the image. */
  manifestText: string;
  /** Path of the archive as it was imported; undefined for an image that came in layers. */
  blob: string | undefined;
  /** `sha512-` and the sha512 of the archive as it was imported. */
  blobDigest: string | undefined;
  /** Bytes of the archive as it was imported; 0 for layers, which are not kept in compressed form. */
  blobSize: number;
  /** Bytes of the uncompressed tar, of all layers together. */
  size: number;
  /** RFC 3339, UTC. */
  importTime: string;
  verification: Verification;
  /** Path of the detached signature over the blob. */
  signature: string | undefined;
  /** Ids of the image's own trees, topmost first: its id for an archive, one per layer otherwise. No dependencies. */
  layers: readonly string[];
}

/** The file `info/<id>` (docs/on-disk-format.md). Version 1 knew archives without signatures only. */
interface Stored {
  version: 1 | 2;
  id: string;
  blob?: string;
  blobSize: number;
  size: number;
  importTime: string;
  verification: Verification;
  signature?: true;
  layers?: readonly string[];
  manifest: string;
}

/** The JSON text of `info/<id>`. */
export function encodeInfo(info: ImageInfo): string {
  const stored: Stored = {
    version: 2,
    id: info.id,
    ...(info.blobDigest === undefined ? { layers: info.layers } : { blob: info.blobDigest }),
    blobSize: info.blobSize,
    size: info.size,
    importTime: info.importTime,
    verification: info.verification,
    ...(info.signature === undefined ? {} : { signature: true }),
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

const isText = (value: unknown): value is string => typeof value === 'string';

const isSigner = (value: Partial<Signer> | null): boolean =>
  isText(value?.fingerprint) && Array.isArray(value.identities) && value.identities.every(isText);

function isVerification(value: Partial<Verification> | undefined): boolean {
  if (value?.state !== 'verified') return value?.state === 'disabled' || value?.state === 'unverified';
  const { signers } = value as { signers?: unknown };
  return Array.isArray(signers) && signers.length > 0 && signers.every(isSigner);
}

/** An image is an archive or some layers, never both. */
function hasContent({ blob, layers }: Partial<Stored>): boolean {
  if (blob !== undefined) return layers === undefined && isText(blob) && isFullImageId(blob);
  return Array.isArray(layers) && layers.length > 0 && layers.every((layer) => isText(layer) && isTreeId(layer));
}

function isStored(value: unknown, id: string): value is Stored {
  const stored = value as Partial<Stored> | null;
  return (
    typeof stored === 'object' &&
    (stored?.version === 1 || stored?.version === 2) &&
    stored.id === id &&
    hasContent(stored) &&
    typeof stored.blobSize === 'number' &&
    typeof stored.size === 'number' &&
    isText(stored.importTime) &&
    isVerification(stored.verification) &&
    isText(stored.manifest)
  );
}

/** Where the parts of images lie. */
export interface PartPaths {
  readonly blobs: string;
  readonly signatures: string;
}

/** Path of the signature that belongs to a blob. */
export const signaturePath = (paths: PartPaths, blobDigest: string): string => `${paths.signatures}/${blobDigest}.asc`;

/** Reads what {@link encodeInfo} wrote for image `id`. Throws EDAMAGED where it is anything else. */
export function decodeInfo(id: string, text: string, paths: PartPaths): ImageInfo {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch (error) {
    throw damaged(id, error);
  }
  if (!isStored(stored, id)) throw damaged(id);
  const manifest = parseImageManifest(stored.manifest);
  const { blob } = stored;
  return {
    id,
    name: manifest.name,
    labels: manifest.labels,
    manifest,
    manifestText: stored.manifest,
    blob: blob === undefined ? undefined : `${paths.blobs}/${blob}`,
    blobDigest: blob,
    blobSize: stored.blobSize,
    size: stored.size,
    importTime: stored.importTime,
    verification: stored.verification,
    signature: stored.signature === true && blob !== undefined ? signaturePath(paths, blob) : undefined,
    layers: stored.layers ?? [id],
  };
}
