/**
 * The state of a pod is where its directory lies and whether somebody holds the directory's lock; nothing else.
 * The table is docs/pod-lifecycle.md; the words are those that rkt prints.
 */

import type { PodPhase } from '../base/paths.ts';

export type PodState =
  | 'embryo'
  | 'preparing'
  | 'aborted prepare'
  | 'prepared'
  | 'running'
  | 'exited'
  | 'exited deleting'
  | 'exited garbage'
  | 'deleting'
  | 'garbage';

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

export const hasExited = (state: PodState): boolean =>
  state === 'exited' || state === 'exited garbage' || state === 'exited deleting';
