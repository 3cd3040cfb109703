import { readFileSync, statSync } from 'node:fs';
import { parseImageReference } from '../../../runtime/appc/image-reference.ts';
import { messageOf, RktError } from '../../../runtime/base/errors.ts';
import type { BuildOptions } from '../../../runtime/image/build.ts';
import type { ManifestRequest } from '../../../runtime/image/manage/compose-manifest.ts';
import type { Command, Parsed } from '../../command.ts';
import type { Context } from '../../context.ts';
import { getList, getSwitch, getValue, type OptionValues, usageError } from '../../options.ts';
import { overwriteOption } from './stored.ts';

export const command: Command = {
  name: 'image build',
  summary: 'build an ACI from a directory',
  usage: '[options] DIRECTORY FILE [-- EXECUTABLE [ARGUMENT...]]',
  description:
    'Builds an App Container Image of the files in DIRECTORY, with a manifest that --manifest or the other options give; or, ' +
    'without any of these, of a directory that has "manifest" and "rootfs". What stands after "--" is what the app executes. ' +
    'The same files give the same image, byte for byte; SOURCE_DATE_EPOCH bounds the times in it.\n\n' +
    'Sign it by: gpg --armor --output FILE.asc --detach-sign FILE',
  maxArgs: Infinity,
  options: [
    { name: 'manifest', type: 'value', placeholder: 'FILE', description: 'the image manifest' },
    { name: 'name', type: 'value', placeholder: 'NAME', description: 'name of the image, for example example.com/app' },
    { name: 'label', type: 'list', placeholder: 'NAME=VALUE', description: 'a label, for example version=1.0.0' },
    { name: 'annotation', type: 'list', placeholder: 'NAME=VALUE', description: 'an annotation' },
    { name: 'user', type: 'value', placeholder: 'USER', default: '0', description: 'who the app runs as' },
    { name: 'group', type: 'value', placeholder: 'GROUP', default: '0', description: 'its group' },
    { name: 'working-directory', type: 'value', placeholder: 'PATH', description: 'where the app starts' },
    {
      name: 'environment',
      type: 'list',
      placeholder: 'NAME=VALUE',
      description: "a variable of the app's environment",
    },
    { name: 'mount-point', type: 'list', placeholder: 'NAME=PATH', description: 'where the app expects a volume' },
    {
      name: 'port',
      type: 'list',
      placeholder: 'NAME=PROTOCOL:PORT[,socketActivated]',
      description: 'a port that the app listens on, or that it expects an open socket of',
    },
    {
      name: 'dependency',
      type: 'list',
      placeholder: 'IMAGE',
      description: 'an image whose files lie below: NAME[:VERSION][,LABEL=VALUE...]',
    },
    {
      name: 'compression',
      type: 'value',
      placeholder: 'KIND',
      default: 'gzip',
      description: 'gzip, zstd or none',
    },
    { name: 'owner', type: 'value', placeholder: 'UID:GID', description: 'owner of all files instead of their own' },
    overwriteOption,
  ],
  async run(context, parsed) {
    const { directory, file, exec } = argumentsOf(parsed);
    const { values } = parsed;
    const source = sourceOf(directory, values, exec);
    const { buildAci, composeManifest, writeOutput } = await import('../../../runtime/image/manage/index.ts');
    const manifest = source.manifest ?? composeManifest(source.request as ManifestRequest);
    const options = {
      rootfs: source.rootfs,
      manifest,
      compression: compressionOf(values),
      ...ownerOf(values),
      ...newestOf(context),
    };
    const { id } = await writeOutput(file, { overwrite: getSwitch(values, 'overwrite') }, (unfinished) =>
      buildAci({ ...options, output: unfinished }),
    );
    context.out(`${id}\n`);
    return 0;
  },
};

function argumentsOf({ args, afterDashes }: Parsed): {
  directory: string;
  file: string;
  exec: readonly string[] | undefined;
} {
  const [directory, file, ...more] = args.slice(0, args.length - (afterDashes?.length ?? 0));
  if (directory === undefined || file === undefined || more.length > 0) {
    throw usageError(
      'rkt image build takes a directory and the file to write',
      'what the app executes stands after "--"',
    );
  }
  return { directory, file, exec: afterDashes };
}

interface Source {
  readonly rootfs: string;
  /** The manifest's text, or what to make it of. */
  readonly manifest?: string;
  readonly request?: ManifestRequest;
}

function sourceOf(directory: string, values: OptionValues, exec: readonly string[] | undefined): Source {
  const file = getValue(values, 'manifest');
  const name = getValue(values, 'name');
  if (file !== undefined && (name !== undefined || exec !== undefined)) {
    throw usageError('--manifest says everything: it goes with neither --name nor an executable');
  }
  if (file !== undefined) return { rootfs: directory, manifest: textOf(file) };
  if (name !== undefined) return { rootfs: directory, request: requestOf(name, values, exec) };
  const isLayout = statSync(`${directory}/manifest`, { throwIfNoEntry: false })?.isFile() === true;
  if (!isLayout) {
    throw usageError('rkt image build needs --name or --manifest', `or a directory that has "manifest" and "rootfs"`);
  }
  return { rootfs: `${directory}/rootfs`, manifest: textOf(`${directory}/manifest`) };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new RktError(`cannot read the manifest ${file}: ${messageOf(cause)}`, { code: 'EMANIFEST', cause });
  }
}

/** `NAME=VALUE` of a list option. */
function pairs(values: OptionValues, option: string): { name: string; value: string }[] {
  return getList(values, option).map((text) => {
    const equals = text.indexOf('=');
    if (equals < 1) throw usageError(`invalid value "${text}" for --${option}: must be NAME=VALUE`);
    return { name: text.slice(0, equals), value: text.slice(equals + 1) };
  });
}

function requestOf(name: string, values: OptionValues, exec: readonly string[] | undefined): ManifestRequest {
  return {
    name,
    labels: pairs(values, 'label'),
    annotations: pairs(values, 'annotation'),
    exec,
    user: getValue(values, 'user') as string,
    group: getValue(values, 'group') as string,
    workingDirectory: getValue(values, 'working-directory'),
    environment: pairs(values, 'environment'),
    mountPoints: pairs(values, 'mount-point').map((pair) => ({ name: pair.name, path: pair.value })),
    ports: pairs(values, 'port').map(portOf),
    dependencies: getList(values, 'dependency').map((text) => {
      const reference = parseImageReference(text);
      return { imageName: reference.name, labels: reference.labels };
    }),
  };
}

function portOf({ name, value }: { name: string; value: string }): ManifestRequest['ports'][number] {
  const match = /^(tcp|udp):(\d{1,5})(,socketActivated)?$/.exec(value);
  if (match === null) {
    throw usageError(
      `invalid value "${name}=${value}" for --port: must be NAME=tcp:80`,
      'behind it may stand ",socketActivated"',
    );
  }
  const port = { name, protocol: match[1] as string, port: Number(match[2]) };
  return match[3] === undefined ? port : { ...port, socketActivated: true };
}

function compressionOf(values: OptionValues): 'none' | 'gzip' | 'zstd' {
  const kind = getValue(values, 'compression');
  if (kind === 'none' || kind === 'gzip' || kind === 'zstd') return kind;
  throw usageError(`invalid value "${kind}" for --compression: must be gzip, zstd or none`);
}

function ownerOf(values: OptionValues): Pick<BuildOptions, 'owner'> {
  const text = getValue(values, 'owner');
  if (text === undefined) return {};
  const match = /^(\d{1,10}):(\d{1,10})$/.exec(text);
  const [uid, gid] = [Number(match?.[1]), Number(match?.[2])];
  if (!(uid <= 2 ** 32 - 2 && gid <= 2 ** 32 - 2)) {
    throw usageError(`invalid value "${text}" for --owner: must be two numbers, UID:GID`);
  }
  return { owner: { uid, gid } };
}

function newestOf({ env }: Context): Pick<BuildOptions, 'newest'> {
  const text = env.SOURCE_DATE_EPOCH;
  if (text === undefined || text === '') return {};
  if (!/^\d{1,12}$/.test(text)) {
    throw new RktError(`environment variable SOURCE_DATE_EPOCH: "${text}" is not a number of seconds`, {
      code: 'EUSAGE',
    });
  }
  return { newest: Number(text) };
}
