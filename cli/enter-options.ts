/** What `rkt enter` and `rkt exec` have in common: which app, as whom, where, and with which terminal. */

import { parseEnvironment } from '../runtime/pod/compose.ts';
import type { EnterRequest } from '../runtime/pod/enter.ts';
import { findPod } from '../runtime/pod/find.ts';
import type { Context } from './context.ts';
import {
  getList,
  getSwitch,
  getValue,
  type Option,
  type OptionValues,
  optionGroup,
  optionNameOf,
  usageError,
} from './options.ts';
import { namedPods, uuidFileOption } from './pod-arguments.ts';
import { identityOf, identityOptions } from './pod-options/identity-options.ts';

export const enterOptions: readonly Option[] = [
  ...optionGroup('Where', [
    {
      name: 'app',
      type: 'value',
      placeholder: 'NAME',
      description: 'the app to enter; may be left out where the pod has only one',
    },
    uuidFileOption,
    {
      name: 'working-dir',
      type: 'value',
      placeholder: 'DIR',
      description: "run the command in this directory instead of the app's",
    },
  ]),
  ...optionGroup(
    'Identity',
    identityOptions.map((option) =>
      option.name === 'supplementary-gids'
        ? { ...option, description: "further group ids, instead of the app's" }
        : option,
    ),
  ),
  ...optionGroup('Environment', [
    { name: 'environment', type: 'list', placeholder: 'NAME=VALUE', description: 'set a variable for the command' },
    {
      name: 'set-env',
      type: 'list',
      placeholder: 'NAME=VALUE',
      aliasOf: 'environment',
      description: 'the same as --environment',
    },
  ]),
  ...optionGroup('Terminal', [
    {
      name: 'tty',
      short: 't',
      type: 'switch',
      description: 'give the command a terminal even where the caller has none',
    },
    { name: 'no-tty', type: 'switch', description: 'give the command no terminal even where the caller has one' },
  ]),
  ...hidden(['i', 'it', 'ti'], 'what people who come from other runtimes type; standard input is always passed on'),
  ...hidden(['detach', 'd'], 'what other runtimes have'),
];

function hidden(names: readonly string[], description: string): Option[] {
  return names.map((name) => ({ name, type: 'switch', hidden: true, description }));
}

/**
 * The pod that is meant, and the words of the command, which are its own; none where there is not even a pod. Errors: EUSAGE for an
 * option in the place of the command, EUUIDFILE.
 */
export function podAndCommand(name: string, args: readonly string[], values: OptionValues): readonly string[] {
  const [pod, ...words] = namedPods(args, values);
  if (pod === undefined) return [];
  const misplaced = optionNameOf(words[0] ?? '', enterOptions);
  if (misplaced === undefined) return [pod, ...words];
  throw usageError(
    `option ${(words[0] as string).replace(/=.*$/s, '')} stands where the command should`,
    `options stand before the UUID: rkt ${name} [options] UUID CMD`,
  );
}

/** What the options ask for. Without `command` it is a shell. Errors: EUSAGE, ENOPOD, EAMBIGUOUS. */
export function enterRequestOf(
  { globals: { dataDir } }: Context,
  values: OptionValues,
  prefix: string,
  command: readonly string[] | undefined,
): EnterRequest {
  refuseDetach(values);
  const identity = identityOf(values);
  if (identity.user?.startsWith('/') === false && identity.user.includes(':')) {
    throw usageError(`--user "${identity.user}" names more than a user`, 'the group is said with --group');
  }
  const request = {
    app: getValue(values, 'app'),
    command,
    terminal: terminalOf(values),
    identity,
    environment: environmentOf(values),
    workingDirectory: workingDirectoryOf(values),
  };
  return { dataDir, pod: findPod(dataDir, prefix), ...request };
}

/** Errors: EUSAGE. */
function refuseDetach(values: OptionValues): void {
  const given = ['detach', 'd'].find((name) => getSwitch(values, name));
  if (given === undefined) return;
  throw usageError(
    `a command in a pod cannot be detached (${given === 'd' ? '-d' : '--detach'}): it lives as long as its rkt`,
    'put rkt itself into the background: rkt exec UUID CMD < /dev/null > log 2>&1 &',
  );
}

function terminalOf(values: OptionValues): EnterRequest['terminal'] {
  const given = (['tty', 'it', 'ti'] as const).find((name) => getSwitch(values, name));
  const refused = getSwitch(values, 'no-tty');
  if (given !== undefined && refused) {
    throw usageError(`${given === 'tty' ? '--tty' : `-${given}`} and --no-tty cannot stand together`);
  }
  return given !== undefined ? 'always' : refused ? 'never' : 'auto';
}

const environmentOf = (values: OptionValues): EnterRequest['environment'] =>
  getList(values, 'environment').map((text) => parseEnvironment(text, '--environment'));

function workingDirectoryOf(values: OptionValues): string | undefined {
  const dir = getValue(values, 'working-dir');
  if (dir !== undefined && !dir.startsWith('/')) {
    throw usageError(`--working-dir "${dir}" is not an absolute path`);
  }
  return dir;
}
