/** The options that choose a pod's stage1, and the image that they mean. */

import { resolve } from 'node:path';
import { classifyImage, type ImageInput } from '../runtime/appc/image-reference.ts';
import { configuredDir } from '../runtime/base/config.ts';
import { RktError } from '../runtime/base/errors.ts';
import { defaultStage1Dir } from '../runtime/base/paths.ts';
import { configDirs } from '../runtime/image/fetch/settings.ts';
import { ImageFinder } from '../runtime/image/find.ts';
import type { ImageInfo } from '../runtime/image/image-info.ts';
import type { ImageStore } from '../runtime/image/store.ts';
import { builtinName } from '../runtime/stage1/builtin.ts';
import { readStage1Defaults } from '../runtime/stage1/stage1-config.ts';
import type { Context } from './context.ts';
import { fetchSettings } from './fetch-settings.ts';
import { getValue, type Option, type OptionValues, usageError } from './options.ts';

const option = (name: string, placeholder: string, description: string): Option => ({
  name: `stage1-${name}`,
  type: 'value',
  placeholder,
  description,
});

export const stage1Options: readonly Option[] = [
  option('path', 'FILE', 'use the stage1 image in FILE'),
  option('url', 'URL', 'use the stage1 image at a URL of http, https, file or docker'),
  option('name', 'NAME', `use the stage1 image of this name; the built-in one is ${builtinName}`),
  option('hash', 'ID', 'use the stage1 image with this id, which is in the store'),
  option('from-dir', 'NAME', 'use the stage1 image in a file of the directory of stage1 images'),
  option('image', 'IMAGE', 'use this stage1 image: a file, a URL, a name or an id'),
];

/** What an option means, spelled as an image is. Errors: EUSAGE, EARGUMENT. */
function imageOf(name: string, value: string, context: Context): string {
  switch (name) {
    case 'stage1-path':
      return resolve(value);
    case 'stage1-url':
      return requireKind(name, value, ['url', 'docker', 'file'], 'a URL', /^[A-Za-z][A-Za-z0-9+.-]*:\/\//);
    case 'stage1-name':
      return requireKind(name, value, ['name'], 'the name of an image', /^[^/.]/);
    case 'stage1-hash':
      return requireKind(name, value, ['id'], 'the id of an image, sha512-…', /^sha512-/);
    case 'stage1-from-dir':
      return inStage1Dir(value, context);
    default:
      return classifyImage(value).kind === 'file' && !value.includes('://') ? resolve(value) : value;
  }
}

function requireKind(
  name: string,
  value: string,
  kinds: readonly ImageInput['kind'][],
  what: string,
  shape: RegExp,
): string {
  if (shape.test(value) && kinds.includes(classifyImage(value).kind)) return value;
  throw usageError(`--${name} must be ${what}, is "${value}"`);
}

function inStage1Dir(file: string, { globals }: Context): string {
  if (file === '' || file.includes('/') || file === '.' || file === '..') {
    throw usageError(`--stage1-from-dir must be the name of a file, is "${file}"`);
  }
  return `${configuredDir(configDirs(globals), 'stage1-images') ?? defaultStage1Dir}/${file}`;
}

/**
 * The image that is to be the pod's stage1, found, verified and fetched as images of apps are; undefined: the built-in one.
 * Errors: EUSAGE, ECONFIG, and those of finding images.
 */
export async function findStage1(
  context: Context,
  store: ImageStore,
  values: OptionValues,
): Promise<ImageInfo | undefined> {
  const given = stage1Options.filter(({ name }) => getValue(values, name) !== undefined);
  const [first, second] = given;
  if (first !== undefined && second !== undefined) {
    throw usageError(`--${first.name} and --${second.name} cannot stand together`);
  }
  const image =
    first === undefined
      ? defaultImage(context, store)
      : imageOf(first.name, getValue(values, first.name) as string, context);
  return image === undefined || image === builtinName ? undefined : await findImage(context, store, values, image);
}

async function findImage(context: Context, store: ImageStore, values: OptionValues, image: string): Promise<ImageInfo> {
  const finder = new ImageFinder(store, fetchSettings(context, values));
  try {
    const info = await finder.find(image);
    await store.lowerDirs(info, context.log);
    return info;
  } finally {
    await finder.close();
  }
}

/** What the configuration says: the image of that name and version if the store has it, otherwise where to fetch one. */
function defaultImage({ globals }: Context, store: ImageStore): string | undefined {
  const { image, location } = readStage1Defaults(configDirs(globals));
  if (image !== undefined) {
    const { name, version } = image;
    const stored = store.find({ name, labels: [{ name: 'version', value: version }] });
    if (stored !== undefined) return stored.id;
    if (name === builtinName) return builtinName;
    if (location === undefined) {
      throw new RktError(`the default stage1 image ${name}:${version} is not in the store`, {
        code: 'ENOIMAGE',
        hint: 'fetch it, or say in stage1.d where it is to be fetched from ("location")',
      });
    }
  }
  return location;
}
