/** Image manifests and indexes (OCI image-spec, manifest.md and image-index.md; Docker's schema 2, which is alike). */

import { parseDocument } from '../../appc/document.ts';
import { type Field, shown } from '../../appc/field.ts';
import { checkDigest, type Digest } from './digest.ts';
import {
  dockerManifest,
  isConfigType,
  isForeignLayerType,
  isLayerType,
  type ManifestKind,
  manifestKind,
  ociManifest,
} from './media-types.ts';
import type { Platform } from './platform.ts';

/** Layers of one image; docker's own limit, and well below that of overlayfs. */
export const maxLayers = 128;

/** Entries of one index. */
const maxIndexEntries = 1024;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface IndexEntry extends Descriptor {
  readonly platform: Platform | undefined;
}

export type ManifestDocument =
  | { readonly kind: 'index'; readonly entries: readonly IndexEntry[] }
  | { readonly kind: 'manifest'; readonly config: Descriptor; readonly layers: readonly Descriptor[] };

function readDescriptor(field: Field): Descriptor {
  return {
    mediaType: field.member('mediaType').required().text(),
    digest: field.member('digest').required().text(checkDigest),
    size: field.member('size').required().integer(0, Number.MAX_SAFE_INTEGER),
  };
}

/** A layer that the registry itself holds: a place named by `urls` could be anybody's (CVE-2020-15157). */
function readLayer(field: Field): Descriptor {
  const layer = readDescriptor(field);
  if (isForeignLayerType(layer.mediaType) || field.member('urls').list().length > 0) {
    field.fail('is a foreign layer, to be downloaded from elsewhere than the registry, which rkt does not do');
  }
  if (!isLayerType(layer.mediaType)) {
    field.member('mediaType').fail(`is not a kind of layer that rkt knows: ${shown(layer.mediaType)}`);
  }
  return layer;
}

function readPlatform(field: Field): Platform {
  return {
    os: field.member('os').required().text(),
    architecture: field.member('architecture').required().text(),
    variant: field.member('variant').optional((value) => value.text()) ?? '',
  };
}

function readIndex(root: Field): ManifestDocument {
  const fields = root.member('manifests').required().list();
  if (fields.length > maxIndexEntries) root.fail(`has more than ${maxIndexEntries} manifests`);
  const entries = fields.map((field) => ({
    ...readDescriptor(field),
    platform: field.member('platform').optional(readPlatform),
  }));
  return { kind: 'index', entries };
}

function readManifest(root: Field): ManifestDocument {
  const config = readDescriptor(root.member('config').required());
  if (!isConfigType(config.mediaType)) {
    root.fail(`is not of a container image: its configuration is of type ${shown(config.mediaType)}`);
  }
  const layers = root.member('layers').required().list();
  if (layers.length > maxLayers) root.fail(`has ${layers.length} layers, more than the ${maxLayers} allowed`);
  return { kind: 'manifest', config, layers: layers.map(readLayer) };
}

/**
 * Which kind a document is. The type that it was served as and the one it states must agree, and it must not have the
 * members of the other kind: otherwise two readers could see two images under one digest (CVE-2021-41190).
 */
function kindOf(root: Field, servedAs: string): 'index' | 'manifest' {
  const stated = root.member('mediaType').optional((value) => value.text()) ?? '';
  const version = root.member('schemaVersion').required().integer(1, 2);
  const kinds: ManifestKind[] = [manifestKind(servedAs), manifestKind(stated)];
  if (version === 1 || kinds.includes('schema1')) {
    root.fail(
      'has schema version 1, which docker gave up because its content cannot be verified; push the image again with a current tool',
    );
  }
  if (kinds[0] === 'other') root.fail(`was served as ${shown(servedAs)}, which is no image manifest`);
  if (kinds[1] === 'other') root.fail(`states the type ${shown(stated)}, which is no image manifest`);
  if (kinds[0] !== 'untold' && stated !== '' && stated !== servedAs) {
    root.fail(`was served as ${shown(servedAs)} but states the type ${shown(stated)}`);
  }
  const kind = kinds.find((candidate) => candidate === 'index' || candidate === 'manifest');
  if (kind === undefined) root.fail('neither states nor was served with a type');
  const foreign = kind === 'index' ? ['config', 'layers', 'fsLayers'] : ['manifests', 'fsLayers'];
  const mixed = foreign.find((name) => !root.member(name).absent);
  if (mixed !== undefined) root.fail(`is ambiguous: as an image ${kind} it must not have "${mixed}"`);
  return kind;
}

/**
 * Parses what a registry answered when it was asked for a manifest. `servedAs` is the media type that came with it.
 * Throws EMANIFEST.
 */
export function parseManifest(content: Uint8Array, servedAs: string): ManifestDocument {
  const root = parseDocument('registry manifest', content);
  root.object();
  return kindOf(root, servedAs) === 'index' ? readIndex(root) : readManifest(root);
}

/** The media types that an entry of an index may have to stand for an image of one platform. */
export const isImageEntry = (entry: IndexEntry): boolean =>
  entry.mediaType === dockerManifest || entry.mediaType === ociManifest;
