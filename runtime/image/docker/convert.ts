/** From a registry's image to an App Container image manifest, with the names that docker2aci gave things. */

import type { Annotation } from '../../appc/annotations.ts';
import { checkDate } from '../../appc/date.ts';
import { shown } from '../../appc/field.ts';
import { encodeImageManifest, type ImageManifest } from '../../appc/image-manifest.ts';
import { type Label, validOsArch } from '../../appc/labels.ts';
import { parseSignal, stopSignalAnnotation } from '../../appc/stop-signal.ts';
import { appcVersion } from '../../base/version.ts';
import { dockerAnnotations } from '../docker-annotations.ts';
import { type Conversion, convertApp } from './convert-app.ts';
import type { Digest } from './digest.ts';
import type { ImageConfig, ProcessConfig } from './image-config.ts';
import { appcArchitecture } from './platform.ts';
import type { DockerReference } from './reference.ts';

/** What identifies the image in its registry. */
export interface Origin {
  readonly reference: DockerReference;
  /** Of the manifest of the image for one platform. */
  readonly manifestDigest: Digest;
  /** Of the configuration: what docker calls the image id. */
  readonly configDigest: Digest;
}

/** The name that the image has in the store: registry and repository; the colon of a port is not possible in a name. */
export function imageName({ registry, repository }: DockerReference): string {
  // A registry that is an IPv6 address begins with a bracket; names begin with a letter or digit.
  return `${registry}/${repository}`
    .toLowerCase()
    .replace(/[^a-z0-9._~/-]/g, '-')
    .replace(/^[^a-z0-9]+/, '');
}

function labelsOf({ platform }: ImageConfig, { tag }: DockerReference): Label[] {
  const labels: Label[] = [];
  if (tag !== undefined) labels.push({ name: 'version', value: tag });
  if (!Object.hasOwn(validOsArch, platform.os)) return labels;
  labels.push({ name: 'os', value: platform.os });
  const arch = appcArchitecture(platform);
  if (arch !== undefined && validOsArch[platform.os]?.includes(arch)) labels.push({ name: 'arch', value: arch });
  return labels;
}

const listText = (list: readonly string[]): string | undefined =>
  list.length === 0 ? undefined : JSON.stringify(list);

function annotationsOf(config: ImageConfig, { reference, manifestDigest, configDigest }: Origin): Annotation[] {
  const { created } = config;
  const all: [name: string, value: string | undefined][] = [
    ['authors', config.author],
    ['created', created !== undefined && checkDate(created) === undefined ? created : undefined],
    [dockerAnnotations.original, reference.original.replace(/^docker:\/\/\/?/i, '')],
    [dockerAnnotations.registry, reference.registry],
    [dockerAnnotations.repository, reference.repository],
    [dockerAnnotations.tag, reference.tag],
    [dockerAnnotations.imageId, configDigest],
    [dockerAnnotations.manifest, manifestDigest],
    [dockerAnnotations.entrypoint, listText(config.process.entrypoint)],
    [dockerAnnotations.cmd, listText(config.process.cmd)],
    [dockerAnnotations.user, config.process.user.includes(':') ? undefined : config.process.user],
    [stopSignalAnnotation, parseSignal(config.process.stopSignal) === undefined ? '' : config.process.stopSignal],
  ];
  return all.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [{ name, value }]));
}

function unknownSignal({ stopSignal }: ProcessConfig): string[] {
  if (stopSignal === '' || parseSignal(stopSignal) !== undefined) return [];
  return [`the stop signal ${shown(stopSignal)} is left out: there is none of that name`];
}

/** Whether there is anything in it that an app could be made of: images that only carry files have none. */
const isRunnable = ({ entrypoint, cmd }: ProcessConfig): boolean => entrypoint.length + cmd.length > 0;

/**
 * The text of the image manifest, and what had to be left out for App Container manifests cannot say it. The same image gives
 * the same text. Throws EMANIFEST for values that cannot be right.
 */
export function convertImage(config: ImageConfig, origin: Origin): Conversion<string> {
  const app = isRunnable(config.process) ? convertApp(config.process) : undefined;
  const manifest: ImageManifest = {
    acKind: 'ImageManifest',
    acVersion: appcVersion,
    name: imageName(origin.reference),
    labels: labelsOf(config, origin.reference),
    ...(app === undefined ? {} : { app: app.value }),
    annotations: annotationsOf(config, origin),
    dependencies: [],
    pathWhitelist: [],
  };
  return { value: encodeImageManifest(manifest), dropped: [...(app?.dropped ?? []), ...unknownSignal(config.process)] };
}
