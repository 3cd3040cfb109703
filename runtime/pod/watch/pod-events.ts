/** What happened to a pod, found by comparing what was seen of it with what is there now. Pure. */

import type { PodPhase } from '../../base/paths.ts';

/** In the order in which they happen, where several have the same time. */
export const eventKinds = [
  'prepared',
  'started',
  'app-started',
  'ready',
  'app-exited',
  'restarted',
  'exited',
  'garbage',
  'removed',
] as const;
export type EventKind = (typeof eventKinds)[number];

export interface PodEvent {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly uuid: string;
  readonly event: EventKind;
  /** The pod's name. */
  readonly name?: string;
  readonly app?: string;
  /** Exit code of the app. */
  readonly code?: number;
  /** How often the app has been started again by now. */
  readonly restarts?: number;
}

export interface SeenApp {
  readonly started: number | undefined;
  readonly finished: number | undefined;
  readonly code: number | undefined;
  readonly restarted: number | undefined;
  readonly restarts: number;
}

/** What was seen of a pod at one moment. Times are milliseconds since the epoch. */
export interface SeenPod {
  readonly uuid: string;
  readonly name: string | undefined;
  readonly phase: PodPhase;
  /** Since when the directory has been where it is. */
  readonly moved: number;
  /** It ran, and does not any more. */
  readonly exited: boolean;
  readonly started: number | undefined;
  readonly ready: number | undefined;
  readonly apps: ReadonlyMap<string, SeenApp>;
}

/** What was seen stays seen, though its file is gone: the files of a pod are removed one after another. */
export function withoutLosses(before: SeenPod, after: SeenPod): SeenPod {
  // A pod that waits again has all of it before it.
  if (after.phase === 'prepared') return after;
  const apps = new Map(before.apps);
  for (const [app, seen] of after.apps) {
    const old = before.apps.get(app);
    if (old === undefined || (seen.started ?? seen.finished) !== undefined) apps.set(app, seen);
  }
  return { ...after, started: after.started ?? before.started, ready: after.ready ?? before.ready, apps };
}

type Occurrence = Omit<PodEvent, 'uuid' | 'name'>;

const isGarbage = (phase: PodPhase): boolean => phase === 'garbage' || phase === 'exited-garbage';

/** What happened between two looks; undefined: there was no such pod. `now` is the time of the later one. */
export function eventsBetween(before: SeenPod | undefined, after: SeenPod | undefined, now: number): PodEvent[] {
  const pod = after ?? before;
  if (pod === undefined) return [];
  const found = after === undefined ? endingOf(before as SeenPod, now) : newsOf(before, after, now);
  const rank = ({ event }: Occurrence): number => eventKinds.indexOf(event);
  found.sort((a, b) => a.time - b.time || rank(a) - rank(b));
  const { uuid, name } = pod;
  return found.map((occurrence) => ({ uuid, ...(name === undefined ? {} : { name }), ...occurrence }));
}

/**
 * A pod that is gone. What it went through on the way was too fast to be seen, but is known: a pod that has run has exited, and becomes
 * garbage before it is removed. Only a start that failed leaves out both.
 */
function endingOf({ phase, exited, started }: SeenPod, now: number): Occurrence[] {
  const missed: EventKind[] = [];
  const starting = phase === 'run' && !exited && started === undefined;
  if (phase === 'run' && !exited && started !== undefined) missed.push('exited');
  if (phase === 'prepared' || (phase === 'run' && !starting)) missed.push('garbage');
  return [...missed, 'removed' as const].map((event) => ({ time: now, event }));
}

function newsOf(before: SeenPod | undefined, after: SeenPod, now: number): Occurrence[] {
  const news: Occurrence[] = [];
  const add = (event: EventKind, time: number | undefined, old: unknown, rest: Partial<Occurrence> = {}): void => {
    if (time !== undefined && old === undefined) news.push({ time, event, ...rest });
  };
  if (after.phase === 'prepared' && before?.phase !== 'prepared') news.push({ time: after.moved, event: 'prepared' });
  add('started', after.started, before?.started);
  add('ready', after.ready, before?.ready);
  for (const [app, seen] of after.apps) news.push(...appNews(app, before?.apps.get(app), seen));
  const ends = [...after.apps.values()].map(({ finished }) => finished ?? 0);
  // Where no app was seen to end, the end was just noticed, but before the pod became garbage.
  const end = Math.max(...ends) || (isGarbage(after.phase) ? after.moved : now);
  if (after.exited && before?.exited !== true) news.push({ time: end, event: 'exited' });
  if (isGarbage(after.phase) && !(before !== undefined && isGarbage(before.phase))) {
    news.push({ time: Math.max(after.moved, after.exited ? end : 0), event: 'garbage' });
  }
  return news;
}

function appNews(
  app: string,
  before: SeenApp | undefined,
  { started, finished, code, restarted, restarts }: SeenApp,
): Occurrence[] {
  const news: Occurrence[] = [];
  if (started !== undefined && before?.started === undefined) news.push({ time: started, event: 'app-started', app });
  if (restarts > (before?.restarts ?? 0)) {
    news.push({ time: restarted ?? started ?? 0, event: 'restarted', app, restarts });
  }
  if (finished !== undefined && code !== undefined && finished !== before?.finished) {
    news.push({ time: finished, event: 'app-exited', app, code });
  }
  return news;
}
