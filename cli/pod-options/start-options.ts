/** How a pod is started: what `run` and `run-prepared` share. */

import { parseHostname } from '../../runtime/pod/hostname.ts';
import { reachMetadataService, type ServiceCommand } from '../../runtime/pod/metadata.ts';
import { type PodNetworking, parseNetworking, wantsRegistration } from '../../runtime/pod/networks.ts';
import type { Mark, StartOptions } from '../../runtime/pod/start.ts';
import type { IsolationChoices } from '../../runtime/stage1/isolation/isolate.ts';
import type { PlanSettings } from '../../runtime/stage1/launch.ts';
import { callerTerminals } from '../../runtime/stage1/terminals.ts';
import type { Context } from '../context.ts';
import {
  getDuration,
  getOptionalSwitch,
  getSwitch,
  getValue,
  type Option,
  type OptionValues,
  optionGroup,
  usageError,
} from '../options.ts';
import { logOptions, outputSettingsOf } from './log-options.ts';
import { nameOptions, nameSettingsOf } from './name-options.ts';

const networkOptions: readonly Option[] = [
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
    name: 'hostname',
    type: 'value',
    placeholder: 'NAME',
    description: "the pod's host name (default rkt- and the pod's UUID)",
  },
  ...nameOptions,
];

const serviceOptions: readonly Option[] = [
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
];

const isolationOptions: readonly Option[] = [
  {
    name: 'ipc',
    type: 'value',
    placeholder: 'MODE',
    default: 'auto',
    description: "System V IPC and message queues: auto or private: the pod's own; parent: those of rkt's caller",
  },
];

const lifeOptions: readonly Option[] = [
  {
    name: 'interactive',
    type: 'switch',
    description: 'give the only app a terminal, relayed to this one; ^] three times within a second kills the pod',
  },
  {
    name: 'detach',
    type: 'switch',
    description: 'run the pod in the background: print its UUID when it is ready, and end',
  },
  {
    name: 'ready-timeout',
    type: 'duration',
    placeholder: 'DURATION',
    description:
      'how long a pod in the background may take until it is ready (90s unless given; 0: as long as it takes)',
  },
  { name: 'rm', type: 'switch', description: 'remove the pod when it has ended' },
  {
    name: 'stop-timeout',
    type: 'duration',
    placeholder: 'DURATION',
    default: '10s',
    description: 'how long apps that were asked to end may take until they are killed',
  },
];

/** How a pod is started. */
export const startOptions: readonly Option[] = [
  ...optionGroup('Network and names', networkOptions),
  ...optionGroup('Metadata service', serviceOptions),
  ...optionGroup('Isolation', isolationOptions),
  ...optionGroup('Life', lifeOptions),
  ...optionGroup('Output', logOptions),
];

/** What the start of a pod takes from the command line. The metadata service is reached where the pod needs it: ENOMDS. */
export async function startOptionsOf(
  context: Context,
  values: OptionValues,
  mark: Mark,
): Promise<Omit<StartOptions, 'onReady'>> {
  const settings = planSettingsOf(context, values);
  const networking = networkingOf(values);
  const register = wantsRegistration(networking, getOptionalSwitch(values, 'mds-register'));
  return {
    dataDir: context.globals.dataDir,
    networking,
    lease: register ? await reachMetadataService(serviceCommand(context, values)) : undefined,
    settings,
    localConfig: context.globals.localConfig,
    mark,
    log: context.log,
  };
}

/** Errors: EUSAGE, ENETWORK. */
function networkingOf(values: OptionValues): PodNetworking {
  const options = ['private-net', 'net'].filter((name) => getValue(values, name) !== undefined);
  if (options.length > 1) throw usageError('--net and --private-net cannot stand together');
  const option = options[0];
  return option === undefined ? 'host' : parseNetworking(getValue(values, option) as string, `--${option}`);
}

/** What the user gives up for all apps, by `--insecure-options`. */
export const isolationChoicesOf = ({ globals: { insecure } }: Context): IsolationChoices => ({
  allCapabilities: insecure.has('capabilities'),
  noSeccomp: insecure.has('seccomp'),
});

/** What the launch plan takes from the command line. Errors: EUSAGE. */
function planSettingsOf(context: Context, values: OptionValues): PlanSettings {
  const { insecure, debug } = context.globals;
  return {
    hostname: hostnameOf(values),
    names: nameSettingsOf(values),
    ...ipcOf(values),
    ...isolationChoicesOf(context),
    openPaths: insecure.has('paths'),
    openFiles: openFilesOf(context.env),
    debug,
    ...(interactiveOf(values) ? { terminals: callerTerminals() } : {}),
    ...backgroundOf(values),
    ...outputSettingsOf(values),
    stopTimeoutMs: timeoutMsOf(values, 'stop-timeout'),
    ...(getSwitch(values, 'rm') ? { epilogue: [...ownCommand(context), 'rm'] } : {}),
  };
}

/** What systemd gives a service to start (DefaultTimeoutStartSec=). */
const defaultReadyTimeoutMs = 90_000;

/** Errors: EUSAGE. */
function backgroundOf(values: OptionValues): Pick<PlanSettings, 'detached' | 'readyTimeoutMs'> {
  const given = values.has('ready-timeout');
  if (getSwitch(values, 'detach')) {
    return { detached: true, readyTimeoutMs: given ? timeoutMsOf(values, 'ready-timeout') : defaultReadyTimeoutMs };
  }
  if (!given) return { detached: false };
  throw usageError(
    '--ready-timeout is for pods in the background',
    'add --detach: nobody else waits for a pod to be ready',
  );
}

/** Milliseconds, which stage1 counts in 31 bits. Errors: EUSAGE. */
export function timeoutMsOf(values: OptionValues, name: string): number {
  const milliseconds = Math.round(getDuration(values, name));
  if (milliseconds >= 0 && milliseconds <= 0x7fff_ffff) return milliseconds;
  throw usageError(`invalid value for --${name}: must be between 0 and 596 hours`);
}

/** This very program with the same directories, for whoever calls it when we are gone. */
function ownCommand({ globals }: Context): string[] {
  const { dataDir, localConfig, systemConfig, userConfig } = globals;
  const user = userConfig === undefined ? [] : [`--user-config=${userConfig}`];
  const dirs = [`--dir=${dataDir}`, `--local-config=${localConfig}`, `--system-config=${systemConfig}`, ...user];
  return [process.execPath, process.argv[1] as string, ...dirs];
}

/** Nobody types in the background. Errors: EUSAGE. */
function interactiveOf(values: OptionValues): boolean {
  const interactive = getSwitch(values, 'interactive');
  if (interactive && getSwitch(values, 'detach')) throw usageError('--interactive and --detach cannot stand together');
  return interactive;
}

function hostnameOf(values: OptionValues): string | undefined {
  const text = getValue(values, 'hostname');
  return text === undefined ? undefined : parseHostname(text);
}

function ipcOf(values: OptionValues): Pick<PlanSettings, 'hostIpc' | 'ipc'> {
  const mode = getValue(values, 'ipc');
  if (mode === 'parent') return { hostIpc: true, ipc: mode };
  if (mode === 'private') return { hostIpc: false, ipc: mode };
  if (mode === undefined || mode === 'auto') return { hostIpc: false };
  throw usageError(`invalid value "${mode}" for --ipc: must be auto, private or parent`);
}

/** This very program as the metadata service, with the same data directory. */
function serviceCommand(context: Context, values: OptionValues): ServiceCommand | undefined {
  if (!getSwitch(values, 'spawn-metadata-svc')) return undefined;
  const script = process.argv[1] as string;
  return [process.execPath, script, 'metadata-service', '--until-idle', `--dir=${context.globals.dataDir}`];
}

/** The soft limit of open files that the user has; node has raised its own (see native/src/launcher). */
function openFilesOf(env: NodeJS.ProcessEnv): number | undefined {
  const soft = Number(env.RKT_NOFILE);
  return Number.isSafeInteger(soft) && soft > 0 ? soft : undefined;
}
