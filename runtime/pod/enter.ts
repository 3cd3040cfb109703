/**
 * `rkt enter` and `rkt exec`: a command in a running app, with the app's bounds. This process becomes stage1's `enter`,
 * which keeps everything of the host, the caller's terminal before all, out of the pod (docs/commands/enter.md).
 */

import type { EnvironmentVariable } from '../appc/app.ts';
import { RktError } from '../base/errors.ts';
import { podFiles } from '../base/paths.ts';
import { becomeStage1, environmentOfCaller } from '../stage1/become.ts';
import { enterArguments } from '../stage1/stage1-arguments.ts';
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
  /** A terminal also where the caller's streams are none. */
  readonly terminal?: boolean;
  /** Over the app's own environment. */
  readonly environment?: readonly EnvironmentVariable[];
  /** Instead of the app's working directory. */
  readonly workingDirectory?: string | undefined;
}

/** What is executed where no command is given: the first of the two that the app has. */
export const defaultShells = ['/bin/bash', '/bin/sh'] as const;

/** Does not return. Errors: ENOTRUNNING, EAPP, ESTAGE1. What fails afterwards, the command's absence for one, stage1 reports. */
export function enterPod(request: EnterRequest): never {
  const { pod } = request;
  if (pod.state !== 'running') {
    throw new RktError(`pod ${pod.uuid} is not running: it is ${pod.state}`, { code: 'ENOTRUNNING' });
  }
  const app = chooseApp(request);
  const stage1 = stage1OfPod(request.dataDir, pod.dir);
  const given = stage1.root === undefined ? builtinArguments(request, app) : foreignArguments(request, app);
  const { program, args } = stage1.command('enter', given);
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

/** rkt's stage1 interface, and options that only the built-in stage1 has. */
export function builtinArguments(request: EnterRequest, app: string): string[] {
  const { command, terminal, environment = [], workingDirectory } = request;
  return [
    `--appname=${app}`,
    ...(terminal ? ['--tty'] : []),
    ...environment.map(({ name, value }) => `--env=${name}=${value}`),
    ...(workingDirectory === undefined ? [] : [`--cwd=${workingDirectory}`]),
    ...(command === undefined ? [`--or=${defaultShells[1]}`] : []),
    '--',
    ...(command ?? [defaultShells[0]]),
  ];
}

/** The interface has no words for more than the command. Errors: ESTAGE1 where more is asked for. */
function foreignArguments(request: EnterRequest, app: string): string[] {
  const { pod, command, terminal, environment = [], workingDirectory } = request;
  if (terminal || environment.length > 0 || workingDirectory !== undefined) {
    throw new RktError(
      `the stage1 of pod ${pod.uuid} can be given no terminal, environment or directory for a command`,
      {
        code: 'ESTAGE1',
        hint: 'its image is not the one that comes with rkt; leave the options out',
      },
    );
  }
  const pid = podPid(pod.dir);
  if (pid === undefined) {
    throw new RktError(`pod ${pod.uuid} has not started yet: its stage1 has written no process id`, {
      code: 'ENOTRUNNING',
    });
  }
  return enterArguments({ pid, app, command: command ?? [defaultShells[1]] });
}
