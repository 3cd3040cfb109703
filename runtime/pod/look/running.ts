import { RktError } from '../../base/errors.ts';
import { findPod } from '../find.ts';
import { podPid } from '../pod-pid.ts';
import { listPods, type PodEntry } from '../pods.ts';

/** The pod that a user means, which must be running. Errors: ENOPOD, EAMBIGUOUS, ENOTRUNNING. */
export function requireRunning(dataDir: string, wanted: string): PodEntry {
  const pod = findPod(dataDir, wanted);
  if (pod.state === 'running') return pod;
  throw new RktError(`pod ${pod.uuid} is not running: its state is "${pod.state}"`, { code: 'ENOTRUNNING' });
}

/** All running pods, by their uuids. */
export const runningPods = (dataDir: string): PodEntry[] =>
  listPods(dataDir)
    .filter((pod) => pod.state === 'running')
    .sort((a, b) => (a.uuid < b.uuid ? -1 : 1));

/** Host PID of the pod's PID 1; undefined where nobody knows, or no longer. */
export function initOf({ dir }: PodEntry): number | undefined {
  try {
    return podPid(dir);
  } catch {
    // A damaged file, which "rkt status" tells of.
    return undefined;
  }
}
