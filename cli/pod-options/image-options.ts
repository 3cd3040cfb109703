/** What the user says about one app, after its image. */

import { type Annotation, checkAnnotationValue } from '../../runtime/appc/annotations.ts';
import { checkACIdentifier } from '../../runtime/appc/identifiers.ts';
import { parseMountOption } from '../../runtime/appc/volume-option.ts';
import { RktError } from '../../runtime/base/errors.ts';
import { type AppRequest, parseEnvironment } from '../../runtime/pod/compose.ts';
import type { AppArguments } from '../command.ts';
import { signatureOption } from '../fetch-settings.ts';
import {
  getList,
  getOptionalSwitch,
  getValue,
  type Option,
  type OptionValues,
  optionGroup,
  usageError,
} from '../options.ts';
import { identityOf, identityOptions } from './identity-options.ts';
import { isolatorOptions, isolatorsOf } from './isolator-options.ts';
import { mountOption } from './mount-option.ts';
import { restartOf, restartOption } from './restart-option.ts';
import { streamOptions, streamsOf } from './stream-options.ts';

/** Options of one app, after its image. */
export const imageOptions: readonly Option[] = [
  ...optionGroup('What is executed', [
    {
      name: 'name',
      type: 'value',
      placeholder: 'NAME',
      description: "the app's name (default: from the image's name)",
    },
    { name: 'exec', type: 'value', placeholder: 'PATH', description: 'execute this instead of what the image says' },
    {
      name: 'working-dir',
      type: 'value',
      placeholder: 'PATH',
      description: 'start in this directory; it must be there',
    },
    { name: 'environment', type: 'list', placeholder: 'NAME=VALUE', description: 'set a variable for this app' },
  ]),
  ...optionGroup('Identity', identityOptions),
  ...optionGroup('Files', [
    mountOption,
    {
      name: 'readonly-rootfs',
      type: 'switch',
      description: 'let the app write to volumes only',
    },
  ]),
  ...optionGroup('Life', [restartOption]),
  ...optionGroup('Standard streams', streamOptions),
  ...optionGroup('Isolators', isolatorOptions),
  ...optionGroup('Metadata', [
    {
      name: 'annotation',
      type: 'list',
      placeholder: 'NAME=VALUE',
      description: 'add an annotation to the app in the pod manifest',
    },
    {
      name: 'user-annotation',
      type: 'list',
      placeholder: 'NAME=VALUE',
      description: "add a user annotation to the image's",
    },
    { name: 'user-label', type: 'list', placeholder: 'NAME=VALUE', description: "add a user label to the image's" },
  ]),
  ...optionGroup('Verification', [signatureOption]),
];

/**
 * What the user asked for about an app, whatever its image turns out to be; `pod` are the options for all apps. Errors: EUSAGE,
 * EARGUMENT.
 */
export function appOptionsOf({ values, args }: AppArguments, pod: OptionValues): Omit<AppRequest, 'image'> {
  const name = getValue(values, 'name');
  const exec = getValue(values, 'exec');
  const restart = restartOf(values) ?? restartOf(pod);
  return {
    ...(name === undefined ? {} : { name }),
    ...(exec === undefined ? {} : { exec }),
    ...(restart === undefined ? {} : { restart }),
    streams: streamsOf(values),
    args: args ?? [],
    mounts: getList(values, 'mount').map(parseMountOption),
    isolators: isolatorsOf(values),
    ...identityOf(values),
    ...surroundingsOf(values),
    ...metadataOf(values),
  };
}

function surroundingsOf(values: OptionValues): Partial<AppRequest> {
  const workingDirectory = getValue(values, 'working-dir');
  if (workingDirectory?.startsWith('/') === false) {
    throw usageError(`--working-dir must be an absolute path, is "${workingDirectory}"`);
  }
  const readOnlyRootFs = getOptionalSwitch(values, 'readonly-rootfs');
  const environment = getList(values, 'environment').map((text) => parseEnvironment(text, '--environment'));
  return {
    ...(workingDirectory === undefined ? {} : { workingDirectory }),
    ...(readOnlyRootFs === undefined ? {} : { readOnlyRootFs }),
    ...(environment.length === 0 ? {} : { environment }),
  };
}

function metadataOf(values: OptionValues): Partial<AppRequest> {
  const annotations = pairs(values, 'annotation').map(annotation);
  const userAnnotations = pairs(values, 'user-annotation');
  const userLabels = pairs(values, 'user-label');
  return {
    ...(annotations.length === 0 ? {} : { annotations }),
    ...(userAnnotations.length === 0 ? {} : { userAnnotations: Object.fromEntries(userAnnotations) }),
    ...(userLabels.length === 0 ? {} : { userLabels: Object.fromEntries(userLabels) }),
  };
}

/** `NAME=VALUE`, every name once. */
function pairs(values: OptionValues, option: string): [name: string, value: string][] {
  const found = new Map<string, string>();
  for (const text of getList(values, option)) {
    const equals = text.indexOf('=');
    const fail = (reason: string): never => {
      throw usageError(`--${option} "${text}": ${reason}`, 'write NAME=VALUE');
    };
    if (equals < 0) fail('has no "=value"');
    const name = text.slice(0, equals);
    if (name === '') fail('the name must not be empty');
    if (found.has(name)) fail(`"${name}" is given twice`);
    found.set(name, text.slice(equals + 1));
  }
  return [...found];
}

/** Names and values by the rules of the pod manifest, which this becomes a part of. */
function annotation([name, value]: [name: string, value: string]): Annotation {
  const reason = checkACIdentifier(name);
  if (reason !== undefined)
    throw new RktError(`--annotation "${name}=${value}": the name ${reason}`, { code: 'EUSAGE' });
  const bad = checkAnnotationValue(name, value);
  if (bad !== undefined) throw new RktError(`--annotation "${name}=${value}": the value ${bad}`, { code: 'EUSAGE' });
  return { name, value };
}
