/**
 * The state of a pod is where its directory lies and whether somebody holds the directory's lock; nothing else.
 * The table is docs/pod-lifecycle.md; the words are those that rkt prints.
 */

import type { PodPhase } from '../base/paths.ts';

export const podStates = [
  'embryo',
  'preparing',
  'aborted prepare',
  'prepared',
  'running',
  'exited',
  'exited deleting',
  'exited garbage',
  'deleting',
  'garbage',
] as const;
export type PodState = (typeof podStates)[number];

const states: Readonly<Record<PodPhase, { locked: PodState; unlocked: PodState }>> = {
  embryo: { locked: 'embryo', unlocked: 'embryo' },
  prepare: { locked: 'preparing', unlocked: 'aborted prepare' },
  prepared: { locked: 'prepared', unlocked: 'prepared' },
  run: { locked: 'running', unlocked: 'exited' },
  'exited-garbage': { locked: 'exited deleting', unlocked: 'exited garbage' },
  garbage: { locked: 'deleting', unlocked: 'garbage' },
};

export const stateOf = (phase: PodPhase, locked: boolean): PodState => states[phase][locked ? 'locked' : 'unlocked'];

/** Whether the state depends on the lock at all. */
export const lockMatters = (phase: PodPhase): boolean => states[phase].locked !== states[phase].unlocked;

/** Whether nothing will ever happen in the pod any more. */
export const hasEnded = (state: PodState): boolean =>
  hasExited(state) || state === 'aborted prepare' || state === 'garbage' || state === 'deleting';

/** Whether it ran, and does not any more. */
export const hasExited = (state: PodState): boolean =>
  state === 'exited' || state === 'exited garbage' || state === 'exited deleting';
