/** What a pod is made of: what `run` and `prepare` share. */

import type { EnvironmentVariable } from '../../runtime/appc/app.ts';
import { checkEnvironmentName } from '../../runtime/appc/app.ts';
import { parseMountOption, parseVolumeOption } from '../../runtime/appc/volume-option.ts';
import { ImageFinder } from '../../runtime/image/find.ts';
import type { ImageInfo } from '../../runtime/image/image-info.ts';
import { ImageStore } from '../../runtime/image/store.ts';
import { type PodRequest, parseEnvironment } from '../../runtime/pod/compose.ts';
import { parsePodName } from '../../runtime/pod/pod-name.ts';
import type { MakeOptions } from '../../runtime/pod/run.ts';
import type { Mark } from '../../runtime/pod/start.ts';
import type { Parsed } from '../command.ts';
import type { Context } from '../context.ts';
import { fetchOptions, fetchSettings, imageSettings } from '../fetch-settings.ts';
import { getList, getSwitch, getValue, type Option } from '../options.ts';
import { appRequestOf } from './image-options.ts';
import { mountOption } from './mount-option.ts';
import { restartOption } from './restart-option.ts';
import { planSettingsOf } from './start-options.ts';

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
  {
    name: 'pod-name',
    type: 'value',
    placeholder: 'NAME',
    description: 'a name for the pod, which stands wherever its UUID may',
  },
  ...fetchOptions('new'),
];

/** What the making of a pod takes from the command line: images are found, and fetched where they are not here yet. */
export async function makeOptionsOf(context: Context, parsed: Parsed, mark: Mark): Promise<MakeOptions> {
  const { dataDir } = context.globals;
  const name = getValue(parsed.values, 'pod-name');
  const podName = name === undefined ? undefined : parsePodName(name);
  const store = ImageStore.open(dataDir);
  const images = await findImages(context, store, parsed);
  mark('resolve');
  return {
    dataDir,
    store,
    request: podRequestOf(context, parsed, images),
    images: new Map(images.map((image) => [image.id, image])),
    overlay: !getSwitch(parsed.values, 'no-overlay'),
    name: podName,
    settings: planSettingsOf(context, parsed.values),
    log: context.log,
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
