import { errnoOf, isRktError, messageOf, RktError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { storeError } from '../errors.ts';
import type { Credentials } from '../http/credentials.ts';
import type { HttpClient } from '../http/types.ts';
import type { ImageInfo } from '../image-info.ts';
import { addLayeredImage, stageLayers } from '../layers.ts';
import { noProgress, type Progress } from '../progress.ts';
import type { ImageStore } from '../store.ts';
import { readMarker } from '../tree-check.ts';
import { convertImage } from './convert.ts';
import { imageError } from './errors.ts';
import { keepYoungSpaceSmall } from './garbage.ts';
import { type ImageConfig, parseImageConfig } from './image-config.ts';
import { stackLayers } from './layer-stack.ts';
import { fetchLayers } from './layers.ts';
import { type Descriptor, type ManifestDocument, parseManifest } from './manifest.ts';
import { isUntold } from './media-types.ts';
import { mirrorsOf } from './mirrors.ts';
import { type HostPlatform, hostPlatform, shownPlatform, suits } from './platform.ts';
import { type DockerReference, manifestReference, parseDockerReference } from './reference.ts';
import { Registry, type ServedManifest } from './registry.ts';
import { selectEntry } from './select.ts';

export interface DockerFetchOptions {
  readonly store: ImageStore;
  readonly http: HttpClient;
  /** Of `auth.d`; `registry` is asked by the registry's host, and what it says goes to no other. */
  readonly credentials: Credentials;
  /** Configuration directories, least specific first: mirrors (`mirrors.d`) are read from them. */
  readonly configDirs: readonly string[];
  /** Whether the user switched signature verification off; Docker images have no signatures, so otherwise nothing is fetched. */
  readonly skipVerify: boolean;
  /** Whether registries may be asked over plain HTTP (`--insecure-options=http`); `http` must allow it as well. */
  readonly allowHttp: boolean;
  readonly log: Log;
  readonly progress: Progress;
  /** Whether layers get progress bars beside their lines. Default: where standard error is a terminal. */
  readonly bars?: boolean;
  /** Default: this machine. */
  readonly host?: HostPlatform;
}

interface Work extends DockerFetchOptions {
  readonly reference: DockerReference;
}

/** An image's manifest for one platform, with its configuration. */
interface FoundImage {
  readonly digest: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/**
 * Fetches the image of a `docker://` reference into the store. The registry is always asked, but nothing is downloaded that is
 * there: of an image that shares layers with stored ones only the others are.
 * Errors: EARGUMENT for a bad reference, EVERIFY without `skipVerify`, EREGISTRY for what the registry answers, EIMAGE and
 * EMANIFEST for content that is not what it should be, ECONFIG, ESTORE; those of the HTTP client.
 */
export async function fetchDockerImage(url: string, options: DockerFetchOptions): Promise<ImageInfo> {
  const reference = parseDockerReference(url);
  if (!options.skipVerify) {
    throw new RktError(`image ${url}: Docker images do not support signature verification`, {
      code: 'EVERIFY',
      hint: 'if you trust the registry, switch verification off: -insecure-skip-verify or --insecure-options=image',
    });
  }
  keepYoungSpaceSmall();
  options.log.info(`fetching image from ${url}`);
  options.log.warn('signature verification has been disabled');
  const work = { ...options, reference };
  const mirrors = mirrorsOf(options.configDirs, reference.registry);
  for (const mirror of mirrors) {
    try {
      return await fetchFrom(mirror, work);
    } catch (error) {
      if (!isMirrorFailure(error)) throw error;
      options.log.warn(`mirror ${mirror}: ${messageOf(error)}; trying the next place`);
    }
  }
  return await fetchFrom(reference.registry, work);
}

/** What the next mirror, or the registry itself, may do better: everything but our own store. */
function isMirrorFailure(error: unknown): boolean {
  const codes = ['EREGISTRY', 'EHTTP', 'ETLS', 'EINSECURE', 'EREDIRECT', 'ETOOBIG', 'ELENGTH', 'EIMAGE', 'EMANIFEST'];
  return codes.includes(errnoOf(error) ?? '');
}

async function fetchFrom(host: string, work: Work): Promise<ImageInfo> {
  const { reference, store, log, progress, bars = process.stderr.isTTY === true } = work;
  const image = reference.original;
  const registry = await Registry.connect({ ...work, host, repository: reference.repository, image });
  const found = await findManifest(registry, work);
  const config = await readConfig(registry, found, work);
  const origin = { reference, manifestDigest: found.digest, configDigest: found.config.digest };
  const { value: manifestText, dropped } = reading(image, () => convertImage(config, origin));
  for (const sentence of dropped) log.warn(sentence);
  const sources = found.layers.map((descriptor, index) => ({ descriptor, diffId: config.diffIds[index] as string }));
  const announce = (digest: string): void =>
    progress.line(`Downloading layer: ${digest.slice(digest.indexOf(':') + 1)}`);
  try {
    // Held until the image is recorded: until then its layers belong to nobody.
    const staging = stageLayers(store);
    try {
      const options = { store, registry, image, log, progress: bars ? progress : noProgress, announce };
      const fetched = await fetchLayers(sources, staging.path, options);
      const layers = stackLayers(fetched, { store, image, staging: staging.path });
      const size = layers.reduce((sum, id) => sum + (readMarker(store.treeDir(id))?.bytes ?? 0), 0);
      return addLayeredImage(store, { manifestText, layers, size });
    } finally {
      staging.remove();
    }
  } catch (error) {
    if (isRktError(error)) throw error;
    throw storeError(`cannot fetch ${image}: writing`, store.paths.root, error);
  }
}

/** Parses with `read`; what is wrong is said of the image that was asked for. */
function reading<T>(image: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (isRktError(error) && error.code !== 'EMANIFEST') throw error;
    throw imageError(image, messageOf(error), { cause: error });
  }
}

async function findManifest(registry: Registry, work: Work): Promise<FoundImage> {
  const { reference, host = hostPlatform() } = work;
  const image = reference.original;
  const parse = ({ content, mediaType }: ServedManifest, expected: string): ManifestDocument =>
    reading(image, () => parseManifest(content, isUntold(mediaType) ? expected : mediaType));
  let served = await registry.manifest(manifestReference(reference));
  let document = parse(served, '');
  if (document.kind === 'index') {
    const { entries } = document;
    const entry = reading(image, () => selectEntry(entries, host));
    served = await registry.manifest(entry.digest);
    if (served.content.length !== entry.size) {
      throw imageError(
        image,
        `its manifest has ${served.content.length} bytes, not ${entry.size} as the index promises`,
      );
    }
    if (!isUntold(served.mediaType) && served.mediaType !== entry.mediaType) {
      throw imageError(
        image,
        `its manifest was served as ${JSON.stringify(served.mediaType)}, but the index promises ${entry.mediaType}`,
      );
    }
    document = parse(served, entry.mediaType);
  }
  if (document.kind === 'index') throw imageError(image, 'its index leads to another index');
  if (document.layers.length === 0) throw imageError(image, 'it has no layers');
  return { digest: served.digest, config: document.config, layers: document.layers };
}

async function readConfig(registry: Registry, found: FoundImage, work: Work): Promise<ImageConfig> {
  const { reference, host = hostPlatform(), log } = work;
  const image = reference.original;
  const content = await registry.blob(found.config, 'configuration');
  const config = reading(image, () => parseImageConfig(content));
  if (config.diffIds.length !== found.layers.length) {
    throw imageError(
      image,
      `its configuration knows ${config.diffIds.length} layers, its manifest ${found.layers.length}`,
    );
  }
  if (suits(config.platform, host) === undefined) {
    log.warn(
      `${image} is for ${shownPlatform(config.platform)}, not for this machine (${host.os}/${host.architecture})`,
    );
  }
  return config;
}
