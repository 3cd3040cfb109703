/**
 * The options of a pod, in three groups: what decides about its making (`run` and `prepare`), about its start (`run` and
 * `run-prepared`), and about one app (after an image). Each is declared once, and read here into what runtime/ takes.
 */

import type { EnvironmentVariable } from '../runtime/appc/app.ts';
import { checkEnvironmentName } from '../runtime/appc/app.ts';
import { parseMountOption, parseVolumeOption } from '../runtime/appc/volume-option.ts';
import { ImageFinder } from '../runtime/image/find.ts';
import type { ImageInfo } from '../runtime/image/image-info.ts';
import { ImageStore } from '../runtime/image/store.ts';
import { type AppRequest, type PodRequest, parseEnvironment } from '../runtime/pod/compose.ts';
import { parseHostname } from '../runtime/pod/hostname.ts';
import { reachMetadataService, type ServiceCommand } from '../runtime/pod/metadata.ts';
import { type PodNetworking, parseNetworking, wantsRegistration } from '../runtime/pod/networks.ts';
import { parsePodName } from '../runtime/pod/pod-name.ts';
import type { MakeOptions } from '../runtime/pod/run.ts';
import type { Mark, StartOptions } from '../runtime/pod/start.ts';
import { builtinStage1 } from '../runtime/stage1/builtin.ts';
import type { PlanSettings } from '../runtime/stage1/launch.ts';
import type { AppArguments, Parsed } from './command.ts';
import type { Context } from './context.ts';
import { fetchOptions, fetchSettings, imageSettings, signatureOption } from './fetch-settings.ts';
import {
  getList,
  getOptionalSwitch,
  getSwitch,
  getValue,
  type Option,
  type OptionValues,
  usageError,
} from './options.ts';

const mountOption: Option = {
  name: 'mount',
  type: 'list',
  placeholder: 'volume=NAME,target=PATH',
  description: 'mount a volume at a path: in every app, or after an image in that app',
};

/** What a pod is made of. */
export const prepareOptions: readonly Option[] = [
  {
    name: 'volume',
    type: 'list',
    placeholder: 'NAME,kind=host|empty,...',
    description:
      'a volume: NAME,kind=host,source=PATH[,readOnly=BOOL][,recursive=BOOL] or NAME,kind=empty[,mode=MODE][,uid=UID][,gid=GID]',
  },
  mountOption,
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

/** How a pod is started. */
export const startOptions: readonly Option[] = [
  {
    name: 'private-net',
    type: 'value',
    placeholder: 'NETS',
    bare: 'default',
    description:
      'give the pod a network stack of its own, joined to these networks (default, default-restricted, none)',
  },
  {
    name: 'net',
    type: 'value',
    placeholder: 'NETS',
    bare: 'default',
    description: 'the same, as rkt 1.x spells it; knows "host" too',
  },
  {
    name: 'mds-register',
    type: 'switch',
    description: 'register the pod with the metadata service; on a private network this is the default',
  },
  {
    name: 'spawn-metadata-svc',
    type: 'switch',
    description: 'start a metadata service if none runs; it ends with its last pod',
  },
  {
    name: 'hostname',
    type: 'value',
    placeholder: 'NAME',
    description: "the pod's host name (default rkt- and the pod's UUID)",
  },
];

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
  signatureOption,
];

/** Errors: EUSAGE, ENETWORK. */
export function networkingOf(values: OptionValues): PodNetworking {
  const options = ['private-net', 'net'].filter((name) => getValue(values, name) !== undefined);
  if (options.length > 1) throw usageError('--net and --private-net cannot stand together');
  const option = options[0];
  return option === undefined ? 'host' : parseNetworking(getValue(values, option) as string, `--${option}`);
}

/** What the launch plan takes from the command line. Errors: EUSAGE. */
export function planSettingsOf(context: Context, values: OptionValues): PlanSettings {
  const { insecure, debug } = context.globals;
  return {
    hostname: hostnameOf(values),
    allCapabilities: insecure.has('capabilities'),
    openPaths: insecure.has('paths'),
    noSeccomp: insecure.has('seccomp'),
    openFiles: openFilesOf(context.env),
    debug,
  };
}

function hostnameOf(values: OptionValues): string | undefined {
  const text = getValue(values, 'hostname');
  return text === undefined ? undefined : parseHostname(text);
}

/** This very program as the metadata service, with the same data directory. */
export function serviceCommand(context: Context, values: OptionValues): ServiceCommand | undefined {
  if (!getSwitch(values, 'spawn-metadata-svc')) return undefined;
  const script = process.argv[1] as string;
  return [process.execPath, script, 'metadata-service', '--until-idle', `--dir=${context.globals.dataDir}`];
}

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

/** What the start of a pod takes from the command line. The metadata service is reached where the pod needs it: ENOMDS. */
export async function startOptionsOf(
  context: Context,
  values: OptionValues,
  mark: Mark,
): Promise<Omit<StartOptions, 'onReady'>> {
  const networking = networkingOf(values);
  const register = wantsRegistration(networking, getOptionalSwitch(values, 'mds-register'));
  return {
    dataDir: context.globals.dataDir,
    networking,
    lease: register ? await reachMetadataService(serviceCommand(context, values)) : undefined,
    settings: planSettingsOf(context, values),
    stage1Run: builtinStage1().run,
    mark,
    log: context.log,
  };
}

/** The images of a command line, in its order; fetched and rendered where they are not here yet. */
export async function findImages(context: Context, store: ImageStore, { apps, values }: Parsed): Promise<ImageInfo[]> {
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

/** What the user asked for. Errors: EUSAGE, EARGUMENT. */
export function podRequestOf(context: Context, parsed: Parsed, images: readonly ImageInfo[]): PodRequest {
  return {
    apps: parsed.apps.map((app, index) => appRequestOf(app, images[index] as ImageInfo)),
    volumes: getList(parsed.values, 'volume').map(parseVolumeOption),
    mounts: getList(parsed.values, 'mount').map(parseMountOption),
    inherited: getSwitch(parsed.values, 'inherit-env') ? inheritedEnvironment(context.env) : [],
    explicit: getList(parsed.values, 'set-env').map(parseEnvironment),
  };
}

function appRequestOf({ values, args }: AppArguments, image: ImageInfo): AppRequest {
  const name = getValue(values, 'name');
  const exec = getValue(values, 'exec');
  return {
    image,
    ...(name === undefined ? {} : { name }),
    ...(exec === undefined ? {} : { exec }),
    args: args ?? [],
    mounts: getList(values, 'mount').map(parseMountOption),
  };
}

/** Variables of the caller, without those that its launcher added and those whose names an app cannot have. */
function inheritedEnvironment(env: NodeJS.ProcessEnv): EnvironmentVariable[] {
  return Object.entries(env).flatMap(([name, value]) =>
    value === undefined || name === 'RKT_NOFILE' || checkEnvironmentName(name) !== undefined ? [] : [{ name, value }],
  );
}

/** The soft limit of open files that the user has; node has raised its own (see native/src/launcher). */
function openFilesOf(env: NodeJS.ProcessEnv): number | undefined {
  const soft = Number(env.RKT_NOFILE);
  return Number.isSafeInteger(soft) && soft > 0 ? soft : undefined;
}
