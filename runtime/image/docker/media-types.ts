/** Media types of manifests, configurations and layers: Docker's image manifest version 2, schema 2, and OCI's (media-types.md). */

export const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json';
export const dockerManifestList = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
export const ociIndex = 'application/vnd.oci.image.index.v1+json';

/** What rkt can read, as the Accept header of requests for manifests. */
export const acceptManifests = [ociIndex, dockerManifestList, ociManifest, dockerManifest].join(', ');

const schema1 = new Set([
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
]);

/** Types that say nothing; what the document says of itself counts then. */
const untold = new Set(['', 'application/json', 'application/octet-stream', 'text/plain']);

/** Whether a server of plain files, for example, gave no type that says anything. */
export const isUntold = (mediaType: string): boolean => untold.has(mediaType);

export type ManifestKind = 'index' | 'manifest' | 'schema1' | 'untold' | 'other';

export function manifestKind(mediaType: string): ManifestKind {
  if (mediaType === ociIndex || mediaType === dockerManifestList) return 'index';
  if (mediaType === ociManifest || mediaType === dockerManifest) return 'manifest';
  if (schema1.has(mediaType)) return 'schema1';
  return untold.has(mediaType) ? 'untold' : 'other';
}

/** The type without parameters, in lower case, of a Content-Type header. */
export function bareMediaType(header: string | undefined): string {
  return (header ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Early versions of docker gave configurations the type of any bytes. */
const configTypes = new Set([
  'application/vnd.docker.container.image.v1+json',
  'application/vnd.oci.image.config.v1+json',
  'application/octet-stream',
]);

export const isConfigType = (mediaType: string): boolean => configTypes.has(mediaType);

const layerTypes = new Set([
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd',
]);

export const isLayerType = (mediaType: string): boolean => layerTypes.has(mediaType);

/** Layers that a registry may not hold, and so names other places for. */
export const isForeignLayerType = (mediaType: string): boolean =>
  mediaType.includes('.foreign.') || mediaType.includes('.nondistributable.');
