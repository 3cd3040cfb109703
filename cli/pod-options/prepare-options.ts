/** What a pod is made of: what `run` and `prepare` share. */

import type { EnvironmentVariable } from '../../runtime/appc/app.ts';
import { checkEnvironmentName } from '../../runtime/appc/app.ts';
import { parsePortOption } from '../../runtime/appc/port-option.ts';
import { parseMountOption, parseVolumeOption } from '../../runtime/appc/volume-option.ts';
import { listenVariables } from '../../runtime/base/listen-fds.ts';
import { ImageFinder } from '../../runtime/image/find.ts';
import type { ImageInfo } from '../../runtime/image/image-info.ts';
import { ImageStore } from '../../runtime/image/store.ts';
import { type PodRequest, parseEnvironment } from '../../runtime/pod/compose.ts';
import { parsePodName } from '../../runtime/pod/pod-name.ts';
import { parsePrivateUsers } from '../../runtime/pod/private-users.ts';
import type { MakeOptions } from '../../runtime/pod/run.ts';
import type { Mark } from '../../runtime/pod/start.ts';
import type { Parsed } from '../command.ts';
import type { Context } from '../context.ts';
import { fetchOptions, fetchSettings, imageSettings } from '../fetch-settings.ts';
import { getList, getSwitch, getValue, type Option, type OptionValues, optionGroup, usageError } from '../options.ts';
import { findStage1, stage1Options } from '../stage1-options.ts';
import { appOptionsOf } from './image-options.ts';
import { mountOption } from './mount-option.ts';
import { restartOption } from './restart-option.ts';
import { isolationChoicesOf } from './start-options.ts';

const volumeOptions: readonly Option[] = [
  {
    name: 'volume',
    type: 'list',
    placeholder: 'NAME,kind=host|empty,...',
    description:
      'a volume: NAME,kind=host,source=PATH[,readOnly=BOOL][,recursive=BOOL] or NAME,kind=empty[,mode=MODE][,uid=UID][,gid=GID]',
  },
  mountOption,
];

const environmentOptions: readonly Option[] = [
  { name: 'set-env', type: 'list', placeholder: 'NAME=VALUE', description: 'set a variable for all apps' },
  {
    name: 'set-env-file',
    type: 'list',
    placeholder: 'FILE',
    description: 'set variables for all apps from a file with a NAME=VALUE in each line',
  },
  { name: 'inherit-env', type: 'switch', description: 'pass on all variables of rkt that no app sets' },
];

const sourceOptions: readonly Option[] = [
  {
    name: 'pod-manifest',
    type: 'value',
    placeholder: 'FILE',
    description: 'run the pod that this pod manifest describes; takes the place of images and their options',
  },
  {
    name: 'no-overlay',
    type: 'switch',
    description: 'give every app a copy of its image instead of an overlay on it',
  },
  ...fetchOptions('new'),
];

const podOptions: readonly Option[] = [
  {
    name: 'port',
    type: 'list',
    placeholder: 'NAME:[HOSTIP:]HOSTPORT',
    description:
      'lead a port of the host to the port of that name in the pod: on the default network, or anywhere by a socket that was passed',
  },
  {
    name: 'pod-name',
    type: 'value',
    placeholder: 'NAME',
    description: 'a name for the pod, which stands wherever its UUID may',
  },
  {
    name: 'replace',
    type: 'switch',
    description: 'with --pod-name: take the name from a pod that has exited',
  },
  {
    name: 'private-users',
    type: 'value',
    placeholder: 'IDS',
    bare: 'pick',
    description:
      'give the pod users of its own: pick (ids of the host that nobody else has), SHIFT[:RANGE] (these), or no',
  },
];

/** What a pod is made of. */
export const prepareOptions: readonly Option[] = [
  ...optionGroup('Volumes', volumeOptions),
  ...optionGroup('Environment', environmentOptions),
  ...optionGroup('Life', [restartOption]),
  ...optionGroup('Images', sourceOptions),
  ...optionGroup('Pod', podOptions),
  ...optionGroup('Stage1', stage1Options),
];

/** What cannot stand beside `--pod-manifest`, which says all of it. */
const besidesManifest = ['volume', 'mount', 'set-env', 'set-env-file', 'inherit-env', 'restart', 'port'] as const;

/** What the user asked for, and the images that it takes, by id. */
type RequestedPod = Pick<MakeOptions, 'request' | 'images'>;

/**
 * What the making of a pod takes from the command line of `run` and `prepare`: images are found, and fetched where they are not
 * here yet. Errors: EUSAGE, EARGUMENT, those of fetching, and those of a pod manifest.
 */
export async function makeOptionsOf(context: Context, parsed: Parsed, mark: Mark): Promise<MakeOptions> {
  const { dataDir } = context.globals;
  const name = getValue(parsed.values, 'pod-name');
  const podName = name === undefined ? undefined : parsePodName(name);
  const replace = getSwitch(parsed.values, 'replace');
  if (replace && podName === undefined)
    throw usageError('--replace says what becomes of a name, and --pod-name gives none');
  const privateUsers = getValue(parsed.values, 'private-users');
  const store = ImageStore.open(dataDir);
  const { request, images } = await requestPod(context, store, parsed);
  const stage1 = await findStage1(context, store, parsed.values);
  mark('resolve');
  return {
    dataDir,
    store,
    request,
    images,
    overlay: !getSwitch(parsed.values, 'no-overlay'),
    name: podName,
    replace,
    stage1,
    privateUsers: privateUsers === undefined ? undefined : parsePrivateUsers(privateUsers),
    settings: isolationChoicesOf(context),
    log: context.log,
  };
}

async function requestPod(context: Context, store: ImageStore, parsed: Parsed): Promise<RequestedPod> {
  const file = getValue(parsed.values, 'pod-manifest');
  if (file !== undefined) return await fromManifest(context, store, parsed, file);
  const [images, request] = await fromImages(context, store, parsed);
  return { request, images: byId(images) };
}

const byId = (images: readonly ImageInfo[]): ReadonlyMap<string, ImageInfo> =>
  new Map(images.map((image) => [image.id, image]));

/** Errors: EUSAGE where there is neither an image nor a manifest, or both. To be asked before anything is done. */
export function requireImages(command: string, { apps, values }: Parsed): void {
  if (getValue(values, 'pod-manifest') === undefined) {
    if (apps.length > 0) return;
    throw usageError(`rkt ${command} needs an image`, `for example: rkt ${command} ./app.aci`);
  }
  const image = apps[0]?.image;
  const conflict = image === undefined ? besidesManifest.find((name) => isGiven(values, name)) : `the image ${image}`;
  if (conflict === undefined) return;
  const what = image === undefined ? `--${conflict}` : conflict;
  throw usageError(
    `--pod-manifest and ${what} cannot stand together`,
    'the manifest says what the pod is; edit it there',
  );
}

const isGiven = (values: OptionValues, name: string): boolean =>
  getList(values, name).length > 0 || getSwitch(values, name) || getValue(values, name) !== undefined;

async function fromManifest(
  context: Context,
  store: ImageStore,
  { values }: Parsed,
  file: string,
): Promise<RequestedPod> {
  const { readPodManifest } = await import('../../runtime/pod/input/index.ts');
  return await withFinder(context, store, values, async (find) => {
    const { request, images } = await readPodManifest(file, find, context.log);
    return { request, images: byId(images) };
  });
}

type Find = (image: string, values?: OptionValues) => Promise<ImageInfo>;

/** Gives `work` something that finds an image; fetched and rendered where it is not here yet. */
async function withFinder<T>(
  context: Context,
  store: ImageStore,
  values: OptionValues,
  work: (find: Find) => Promise<T>,
): Promise<T> {
  const finder = new ImageFinder(store, fetchSettings(context, values));
  try {
    return await work(async (name, own) => {
      const image = await finder.find(name, own === undefined ? {} : imageSettings(own));
      await store.lowerDirs(image, context.log);
      return image;
    });
  } finally {
    await finder.close();
  }
}

/** The images of the command line, in its order, and what is to be made of them. Options first: a slip fetches nothing. */
async function fromImages(
  context: Context,
  store: ImageStore,
  { apps, values }: Parsed,
): Promise<[images: ImageInfo[], request: PodRequest]> {
  const pod = {
    volumes: getList(values, 'volume').map(parseVolumeOption),
    mounts: getList(values, 'mount').map(parseMountOption),
    ports: getList(values, 'port').map(parsePortOption),
    inherited: getSwitch(values, 'inherit-env') ? inheritedEnvironment(context.env) : [],
    explicit: await explicitEnvironment(values),
  };
  const wanted = apps.map((app) => appOptionsOf(app, values));
  const images: ImageInfo[] = [];
  await withFinder(context, store, values, async (find) => {
    for (const app of apps) images.push(await find(app.image, app.values));
  });
  return [images, { ...pod, apps: wanted.map((app, index) => ({ ...app, image: images[index] as ImageInfo })) }];
}

/** Variables of files, then those of the command line, which replace them. */
async function explicitEnvironment(values: OptionValues): Promise<EnvironmentVariable[]> {
  const named = getList(values, 'set-env').map((text) => parseEnvironment(text));
  const files = getList(values, 'set-env-file');
  if (files.length === 0) return named;
  const { readEnvironmentFile } = await import('../../runtime/pod/input/index.ts');
  return [...files.flatMap(readEnvironmentFile), ...named];
}

/**
 * What is between rkt and who started it: its launcher's variables, where a service manager waits for rkt itself, and the descriptors that
 * it has passed.
 */
const notForApps = new Set<string>(['RKT_NOFILE', 'NOTIFY_SOCKET', ...listenVariables]);

/** Variables of the caller, without those that are not meant for apps and those whose names an app cannot have. */
function inheritedEnvironment(env: NodeJS.ProcessEnv): EnvironmentVariable[] {
  return Object.entries(env).flatMap(([name, value]) =>
    value === undefined || notForApps.has(name) || checkEnvironmentName(name) !== undefined ? [] : [{ name, value }],
  );
}
