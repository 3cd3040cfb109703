/** The configuration of an image (OCI image-spec, config.md; Docker's is the same with other members, which are ignored). */

import { parseDocument } from '../../appc/document.ts';
import { type Field, shown } from '../../appc/field.ts';
import { checkDigest, type Digest } from './digest.ts';
import type { Platform } from './platform.ts';

/** How a container is run from the image. Lists that the configuration leaves out are empty. */
export interface ProcessConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `NAME=VALUE` */
  readonly env: readonly string[];
  /** `user`, `uid`, `user:group`, …; empty: root. */
  readonly user: string;
  readonly workingDir: string;
  readonly volumes: readonly string[];
  /** `80/tcp` */
  readonly exposedPorts: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** `SIGQUIT`, `3`, …; empty: SIGTERM. */
  readonly stopSignal: string;
}

export interface ImageConfig {
  readonly platform: Platform;
  readonly author: string | undefined;
  readonly created: string | undefined;
  /** Digests of the uncompressed layers, the lowest first. */
  readonly diffIds: readonly Digest[];
  readonly process: ProcessConfig;
}

const optionalText = (field: Field): string => field.optional((value) => value.text()) ?? '';

const texts = (field: Field): string[] => field.list().map((item) => item.text());

/** Old builders wrote a command as one string, which a shell is to run; an empty one is none. */
function command(field: Field): string[] {
  if (typeof field.value !== 'string') return texts(field);
  return field.value === '' ? [] : ['/bin/sh', '-c', field.value];
}

/** Sets are written as objects with empty members. */
const keys = (field: Field): string[] => field.optional((value) => Object.keys(value.object())) ?? [];

/** Of an image that only carries files. */
const noProcess: ProcessConfig = {
  entrypoint: [],
  cmd: [],
  env: [],
  user: '',
  workingDir: '',
  volumes: [],
  exposedPorts: [],
  labels: {},
  stopSignal: '',
};

function readProcess(field: Field): ProcessConfig {
  return {
    entrypoint: command(field.member('Entrypoint')),
    cmd: command(field.member('Cmd')),
    env: texts(field.member('Env')),
    user: optionalText(field.member('User')),
    workingDir: optionalText(field.member('WorkingDir')),
    volumes: keys(field.member('Volumes')),
    exposedPorts: keys(field.member('ExposedPorts')),
    labels: field.member('Labels').optional((value) => value.textMap()) ?? {},
    stopSignal: optionalText(field.member('StopSignal')),
  };
}

function readDiffIds(field: Field): Digest[] {
  const type = field.member('type').required();
  if (type.value !== 'layers') type.fail(`must be "layers", is ${shown(type.value)}`);
  return field
    .member('diff_ids')
    .list()
    .map((item) => item.text(checkDigest));
}

/** Parses the content of a configuration blob. Throws EMANIFEST. */
export function parseImageConfig(content: Uint8Array): ImageConfig {
  const root = parseDocument('image configuration', content);
  root.object();
  const config = root.member('config');
  return {
    platform: {
      os: optionalText(root.member('os')) || 'linux',
      architecture: root.member('architecture').required().text(),
      variant: optionalText(root.member('variant')),
    },
    author: root.member('author').optional((value) => value.text()),
    created: root.member('created').optional((value) => value.text()),
    diffIds: readDiffIds(root.member('rootfs').required()),
    process: config.absent ? noProcess : readProcess(config),
  };
}
