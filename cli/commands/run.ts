import { writeFileSync } from 'node:fs';
import type { EnvironmentVariable } from '../../runtime/appc/app.ts';
import { checkEnvironmentName } from '../../runtime/appc/app.ts';
import { parseMountOption, parseVolumeOption } from '../../runtime/appc/volume-option.ts';
import { messageOf, RktError } from '../../runtime/base/errors.ts';
import { ImageFinder } from '../../runtime/image/find.ts';
import type { ImageInfo } from '../../runtime/image/image-info.ts';
import { ImageStore } from '../../runtime/image/store.ts';
import { type AppRequest, type PodRequest, parseEnvironment } from '../../runtime/pod/compose.ts';
import { parseHostname } from '../../runtime/pod/hostname.ts';
import { reachMetadataService, type ServiceCommand } from '../../runtime/pod/metadata.ts';
import { type PodNetworking, parseNetworking, wantsRegistration } from '../../runtime/pod/networks.ts';
import { runPod, stopwatch } from '../../runtime/pod/run.ts';
import { builtinStage1 } from '../../runtime/stage1/builtin.ts';
import type { Command, Parsed } from '../command.ts';
import { type Context, requireRoot } from '../context.ts';
import { fetchOptions, fetchSettings, imageSettings, signatureOption } from '../fetch-settings.ts';
import {
  getList,
  getOptionalSwitch,
  getSwitch,
  getValue,
  type Option,
  type OptionValues,
  usageError,
} from '../options.ts';

const mountOption: Option = {
  name: 'mount',
  type: 'list',
  placeholder: 'volume=NAME,target=PATH',
  description: 'mount a volume at a path: in every app, or after an image in that app',
};

export const command: Command = {
  name: 'run',
  summary: 'run images as a pod',
  usage: '[options] IMAGE [image options] [-- args] [--- IMAGE ...]',
  description:
    'Runs one or more images as the apps of a new pod, and ends with the exit code of the app. An image is named by its ' +
    'name, its id or a file. What stands between "--" and "---" is passed to the app before it.',
  options: [
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
      name: 'hostname',
      type: 'value',
      placeholder: 'NAME',
      description: "the pod's host name (default rkt- and the pod's UUID)",
    },
    { name: 'uuid-file-save', type: 'value', placeholder: 'FILE', description: "write the pod's UUID to a file" },
    {
      name: 'no-overlay',
      type: 'switch',
      description: 'give every app a copy of its image instead of an overlay on it',
    },
    ...fetchOptions('new'),
  ],
  imageOptions: [
    {
      name: 'name',
      type: 'value',
      placeholder: 'NAME',
      description: "the app's name (default: from the image's name)",
    },
    { name: 'exec', type: 'value', placeholder: 'PATH', description: 'execute this instead of what the image says' },
    mountOption,
    signatureOption,
  ],
  async run(context, parsed) {
    requireRoot(context, 'run');
    if (parsed.apps.length === 0) throw usageError('rkt run needs an image', 'for example: rkt run ./app.aci');
    const mark = stopwatch(context.log);
    mark('node and load');
    const networking = networkingOf(parsed.values);
    const register = wantsRegistration(networking, getOptionalSwitch(parsed.values, 'mds-register'));
    const lease = register ? await reachMetadataService(serviceCommand(context, parsed.values)) : undefined;
    const store = ImageStore.open(context.globals.dataDir);
    const images = await findImages(context, store, parsed);
    mark('resolve');
    return await runPod({
      dataDir: context.globals.dataDir,
      store,
      request: requestOf(context, parsed, images),
      images: new Map(images.map((image) => [image.id, image])),
      overlay: !getSwitch(parsed.values, 'no-overlay'),
      networking,
      lease,
      settings: {
        hostname: hostnameOf(parsed.values),
        allCapabilities: context.globals.insecure.has('capabilities'),
        openPaths: context.globals.insecure.has('paths'),
        noSeccomp: context.globals.insecure.has('seccomp'),
        openFiles: openFilesOf(context.env),
        debug: context.globals.debug,
      },
      stage1Run: builtinStage1().run,
      onReady: async (uuid) => {
        saveUuid(uuid, getValue(parsed.values, 'uuid-file-save'));
        await context.beforeExec();
      },
      mark,
      log: context.log,
    });
  },
};

function networkingOf(values: OptionValues): PodNetworking {
  const options = ['private-net', 'net'].filter((name) => getValue(values, name) !== undefined);
  if (options.length > 1) throw usageError('--net and --private-net cannot stand together');
  const option = options[0];
  return option === undefined ? 'host' : parseNetworking(getValue(values, option) as string, `--${option}`);
}

function hostnameOf(values: OptionValues): string | undefined {
  const text = getValue(values, 'hostname');
  return text === undefined ? undefined : parseHostname(text);
}

/** This very program as the metadata service, with the same data directory. */
function serviceCommand(context: Context, values: OptionValues): ServiceCommand | undefined {
  if (!getSwitch(values, 'spawn-metadata-svc')) return undefined;
  const script = process.argv[1] as string;
  return [process.execPath, script, 'metadata-service', '--until-idle', `--dir=${context.globals.dataDir}`];
}

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

function requestOf(context: Context, parsed: Parsed, images: readonly ImageInfo[]): PodRequest {
  const apps = parsed.apps.map((app, index): AppRequest => {
    const name = getValue(app.values, 'name');
    const exec = getValue(app.values, 'exec');
    return {
      image: images[index] as ImageInfo,
      ...(name === undefined ? {} : { name }),
      ...(exec === undefined ? {} : { exec }),
      args: app.args ?? [],
      mounts: getList(app.values, 'mount').map(parseMountOption),
    };
  });
  return {
    apps,
    volumes: getList(parsed.values, 'volume').map(parseVolumeOption),
    mounts: getList(parsed.values, 'mount').map(parseMountOption),
    inherited: getSwitch(parsed.values, 'inherit-env') ? inheritedEnvironment(context.env) : [],
    explicit: getList(parsed.values, 'set-env').map(parseEnvironment),
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

function saveUuid(uuid: string, file: string | undefined): void {
  if (file === undefined) return;
  try {
    writeFileSync(file, `${uuid}\n`);
  } catch (cause) {
    throw new RktError(`--uuid-file-save: ${messageOf(cause)}`, { code: 'EUUIDFILE', cause });
  }
}
