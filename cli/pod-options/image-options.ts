/** What the user says about one app, after its image. */

import { parseMountOption } from '../../runtime/appc/volume-option.ts';
import type { ImageInfo } from '../../runtime/image/image-info.ts';
import type { AppRequest } from '../../runtime/pod/compose.ts';
import type { AppArguments } from '../command.ts';
import { signatureOption } from '../fetch-settings.ts';
import { getList, getValue, type Option, type OptionValues } from '../options.ts';
import { isolatorOptions, isolatorsOf } from './isolator-options.ts';
import { mountOption } from './mount-option.ts';
import { restartOf, restartOption } from './restart-option.ts';

/** Options of one app, after its image. */
export const imageOptions: readonly Option[] = [
  {
    name: 'name',
    type: 'value',
    placeholder: 'NAME',
    description: "the app's name (default: from the image's name)",
  },
  { name: 'exec', type: 'value', placeholder: 'PATH', description: 'execute this instead of what the image says' },
  mountOption,
  restartOption,
  signatureOption,
  ...isolatorOptions,
];

/** What the user asked for about the app of `image`, where `pod` are the options for all apps. Errors: EUSAGE, EARGUMENT. */
export function appRequestOf({ values, args }: AppArguments, image: ImageInfo, pod: OptionValues): AppRequest {
  const name = getValue(values, 'name');
  const exec = getValue(values, 'exec');
  const restart = restartOf(values) ?? restartOf(pod);
  return {
    image,
    ...(name === undefined ? {} : { name }),
    ...(exec === undefined ? {} : { exec }),
    ...(restart === undefined ? {} : { restart }),
    args: args ?? [],
    mounts: getList(values, 'mount').map(parseMountOption),
    isolators: isolatorsOf(values),
  };
}
