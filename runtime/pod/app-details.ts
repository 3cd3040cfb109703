/** What has become of the apps of a pod, from the files that stage1 writes (docs/launch-plan.md, "What `run` reports"). */

import { messageOf } from '../base/errors.ts';
import { podFiles } from '../base/paths.ts';
import { type PodEntry, readNumber, writtenAt } from './pods.ts';

/** In the words of rkt's API. `unknown`: the pod ended, and nobody saw what became of the app. */
export type AppState = 'created' | 'running' | 'exited' | 'unknown';

export interface AppDetails {
  readonly state: AppState;
  /** 128 and more: ended by a signal. */
  readonly exitCode: number | undefined;
  /** Host PID of its main process, while it runs. */
  readonly pid: number | undefined;
  /** Milliseconds since the epoch. */
  readonly started: number | undefined;
  readonly finished: number | undefined;
  /** How often it was started again. */
  readonly restarts: number;
  /** What could not be read, a sentence each. */
  readonly problems: readonly string[];
}

export function appDetails(pod: PodEntry, app: string): AppDetails {
  const problems: string[] = [];
  const number = (file: string): number | undefined => {
    try {
      return readNumber(file);
    } catch (error) {
      problems.push(`${file} is damaged: ${messageOf(error)}`);
      return undefined;
    }
  };
  const status = podFiles.status(pod.dir, app);
  const exitCode = number(status);
  const started = writtenAt(podFiles.appPid(pod.dir, app));
  const state = stateOfApp(pod, exitCode, started !== undefined);
  return {
    state,
    exitCode,
    pid: state === 'running' ? number(podFiles.appPid(pod.dir, app)) : undefined,
    started,
    finished: exitCode === undefined ? undefined : writtenAt(status),
    restarts: number(podFiles.appRestarts(pod.dir, app)) ?? 0,
    problems,
  };
}

function stateOfApp({ state }: PodEntry, exitCode: number | undefined, started: boolean): AppState {
  if (exitCode !== undefined) return 'exited';
  if (state === 'running') return started ? 'running' : 'created';
  return state === 'preparing' || state === 'prepared' ? 'created' : 'unknown';
}
