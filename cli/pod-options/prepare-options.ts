/** What a pod is made of: what `run` and `prepare` share. */

import type { EnvironmentVariable } from '../../runtime/appc/app.ts';
import { checkEnvironmentName } from '../../runtime/appc/app.ts';
import { parseMountOption, parseVolumeOption } from '../../runtime/appc/volume-option.ts';
import { ImageFinder } from '../../runtime/image/find.ts';
import type { ImageInfo } from '../../runtime/image/image-info.ts';
import type { ImageStore } from '../../runtime/image/store.ts';
import { type PodRequest, parseEnvironment } from '../../runtime/pod/compose.ts';
import type { Parsed } from '../command.ts';
import type { Context } from '../context.ts';
import { fetchOptions, fetchSettings, imageSettings } from '../fetch-settings.ts';
import { getList, getSwitch, type Option } from '../options.ts';
import { appRequestOf } from './image-options.ts';
import { mountOption } from './mount-option.ts';
import { restartOption } from './restart-option.ts';

export const prepareOptions: readonly Option[] = [
  {
    name: 'volume',
    type: 'list',
    placeholder: 'NAME,kind=host|empty,...',
    description:
      'a volume: NAME,kind=host,source=PATH[,readOnly=BOOL][,recursive=BOOL] or NAME,kind=empty[,mode=MODE][,uid=UID][,gid=GID]',
  },
  mountOption,
  restartOption,
  { name: 'set-env', type: 'list', placeholder: 'NAME=VALUE', description: 'set a variable for all apps' },
  { name: 'inherit-env', type: 'switch', description: 'pass on all variables of rkt that no app sets' },
  {
    name: 'no-overlay',
    type: 'switch',
    description: 'give every app a copy of its image instead of an overlay on it',
  },
  ...fetchOptions('new'),
];

/** What the user asked for, and the images that it takes, by id. */
export interface RequestedPod {
  readonly request: PodRequest;
  readonly images: ReadonlyMap<string, ImageInfo>;
}

/** Reads the command line of `run` and `prepare` and finds its images. Errors: EUSAGE, EARGUMENT, those of fetching. */
export async function requestPod(context: Context, store: ImageStore, parsed: Parsed): Promise<RequestedPod> {
  const images = await findImages(context, store, parsed);
  return {
    request: podRequestOf(context, parsed, images),
    images: new Map(images.map((image) => [image.id, image])),
  };
}

/** The images of a command line, in its order; fetched and rendered where they are not here yet. */
async function findImages(context: Context, store: ImageStore, { apps, values }: Parsed): Promise<ImageInfo[]> {
  const finder = new ImageFinder(store, fetchSettings(context, values));
  const images: ImageInfo[] = [];
  try {
    for (const app of apps) {
      const image = await finder.find(app.image, imageSettings(app.values));
      await store.lowerDirs(image, context.log);
      images.push(image);
    }
  } finally {
    await finder.close();
  }
  return images;
}

function podRequestOf(context: Context, parsed: Parsed, images: readonly ImageInfo[]): PodRequest {
  return {
    apps: parsed.apps.map((app, index) => appRequestOf(app, images[index] as ImageInfo, parsed.values)),
    volumes: getList(parsed.values, 'volume').map(parseVolumeOption),
    mounts: getList(parsed.values, 'mount').map(parseMountOption),
    inherited: getSwitch(parsed.values, 'inherit-env') ? inheritedEnvironment(context.env) : [],
    explicit: getList(parsed.values, 'set-env').map(parseEnvironment),
  };
}

/** What is between rkt and who started it: its launcher's variables, and where a service manager waits for rkt itself. */
const notForApps = new Set(['RKT_NOFILE', 'NOTIFY_SOCKET']);

/** Variables of the caller, without those that are not meant for apps and those whose names an app cannot have. */
function inheritedEnvironment(env: NodeJS.ProcessEnv): EnvironmentVariable[] {
  return Object.entries(env).flatMap(([name, value]) =>
    value === undefined || notForApps.has(name) || checkEnvironmentName(name) !== undefined ? [] : [{ name, value }],
  );
}
