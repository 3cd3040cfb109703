/**
 * `rkt enter` and `rkt exec`: a command in a running app, with the app's bounds. This process becomes stage1's `enter`,
 * which keeps everything of the host, the caller's terminal before all, out of the pod (docs/commands/enter.md).
 */

import type { EnvironmentVariable } from '../appc/app.ts';
import { RktError } from '../base/errors.ts';
import { podFiles } from '../base/paths.ts';
import { becomeStage1, environmentOfCaller } from '../stage1/become.ts';
import type { EnterTerminal } from '../stage1/pod-stage1.ts';
import { enterArguments, shellCommand } from '../stage1/stage1-arguments.ts';
import { callerTerminals, callerTerminalType } from '../stage1/terminals.ts';
import { type EnterIdentity, lookUpIdentity, type WantedIdentity } from './enter-identity.ts';
import { podPid } from './pod-pid.ts';
import { type PodEntry, podSummary } from './pods.ts';
import { stage1OfPod } from './stage1-of-pod.ts';

export interface EnterRequest {
  readonly dataDir: string;
  readonly pod: PodEntry;
  /** May be left out where the pod has one app. */
  readonly app: string | undefined;
  /** What to execute, along the app's PATH; undefined: a shell. */
  readonly command: readonly string[] | undefined;
  readonly terminal: EnterTerminal;
  /** Instead of the app's user and groups. */
  readonly identity: WantedIdentity;
  /** Over the app's own environment. */
  readonly environment: readonly EnvironmentVariable[];
  /** Instead of the app's working directory. */
  readonly workingDirectory: string | undefined;
}

/** What is executed where no command is given: the first of the two that the app has. */
export const defaultShells = ['/bin/bash', '/bin/sh'] as const;

/**
 * Does not return. Errors: ENOTRUNNING, EAPP, EUSER, ESTAGE1. What fails afterwards, the command's absence for one, stage1 reports.
 */
export function enterPod(request: EnterRequest): never {
  const { pod, terminal } = request;
  if (pod.state !== 'running') {
    throw new RktError(`pod ${pod.uuid} is not running: it is ${pod.state}`, { code: 'ENOTRUNNING' });
  }
  const app = chooseApp(request);
  const stage1 = stage1OfPod(request.dataDir, pod.dir);
  const given =
    stage1.root === undefined
      ? builtinArguments(request, app, lookUpIdentity(pod, app, request.identity))
      : foreignArguments(request, app);
  const { program, args } = stage1.enterCommand(given, terminal);
  return becomeStage1(pod.dir, program, ['enter', ...args], stage1.root === undefined ? {} : environmentOfCaller());
}

function chooseApp({ pod, app }: EnterRequest): string {
  const names = podSummary(pod).apps.map(({ name }) => name);
  if (names.length === 0) {
    throw new RktError(`the manifest of pod ${pod.uuid} cannot be read`, {
      code: 'EAPP',
      hint: `see ${podFiles.manifest(pod.dir)}`,
    });
  }
  if (app !== undefined && !names.includes(app)) {
    throw new RktError(`pod ${pod.uuid} has no app "${app}"`, { code: 'EAPP', hint: `it has ${names.join(', ')}` });
  }
  if (app === undefined && names.length > 1) {
    throw new RktError(`pod ${pod.uuid} has several apps: ${names.join(', ')}`, {
      code: 'EAPP',
      hint: 'say which one with --app=NAME',
    });
  }
  return app ?? (names[0] as string);
}

const terminalArguments: Readonly<Record<EnterTerminal, readonly string[]>> = {
  auto: [],
  always: ['--tty'],
  never: ['--no-tty'],
};

/** rkt's stage1 interface, and options that only the built-in stage1 has. */
export function builtinArguments(request: EnterRequest, app: string, identity: EnterIdentity): string[] {
  const { command, terminal, environment, workingDirectory } = request;
  const { uid, gid, supplementaryGids } = identity;
  return [
    `--appname=${app}`,
    ...terminalArguments[terminal],
    ...[...terminalType(terminal), ...environment].map(({ name, value }) => `--env=${name}=${value}`),
    ...(workingDirectory === undefined ? [] : [`--cwd=${workingDirectory}`]),
    ...(uid === undefined ? [] : [`--uid=${uid}`]),
    ...(gid === undefined ? [] : [`--gid=${gid}`]),
    ...(supplementaryGids === undefined ? [] : [`--gids=${supplementaryGids.join(',')}`]),
    ...(command === undefined ? [`--or=${defaultShells[1]}`] : []),
    '--',
    ...(command ?? [defaultShells[0]]),
  ];
}

/** The terminal that is relayed is of the type that the caller's is, whatever the app says of its own. */
function terminalType(terminal: EnterTerminal): EnvironmentVariable[] {
  if (terminal === 'never' || callerTerminals().length === 0) return [];
  return Object.entries(callerTerminalType()).map(([name, value]) => ({ name, value }));
}

/** The interface has no words for more than the command. Errors: ESTAGE1 where more is asked for. */
function foreignArguments(request: EnterRequest, app: string): string[] {
  const { pod, command, environment, workingDirectory, identity } = request;
  if (Object.keys(identity).length > 0) {
    throw new RktError(`the stage1 of pod ${pod.uuid} cannot be told who runs a command`, {
      code: 'ESTAGE1',
      hint: 'its image is not the one that comes with rkt; leave --user, --group and --supplementary-gids out',
    });
  }
  const wrapped = shellCommand(command ?? [defaultShells[1]], environment, workingDirectory);
  if ('bad' in wrapped) {
    throw new RktError(`the stage1 of pod ${pod.uuid} cannot be given the variable ${JSON.stringify(wrapped.bad)}`, {
      code: 'ESTAGE1',
      hint: "its image is not the one that comes with rkt, and the app's shell takes letters, digits and _ only",
    });
  }
  const pid = podPid(pod.dir);
  if (pid === undefined) {
    throw new RktError(`pod ${pod.uuid} has not started yet: its stage1 has written no process id`, {
      code: 'ENOTRUNNING',
    });
  }
  return enterArguments({ pid, app, command: wrapped.command });
}
