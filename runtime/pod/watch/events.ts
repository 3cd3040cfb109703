/**
 * `rkt events`: what happens to pods, as it happens, without a daemon and without asking again and again. The kernel only says where
 * to look (inotify, and the locks of running pods); what happened is found by comparing, so that nothing is lost between
 * the first look and the watch, or where the kernel tells of two things as of one.
 */

import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isUuid } from '../../appc/uuid.ts';
import { podFiles, podPhaseDir, podPhases } from '../../base/paths.ts';
import { appDetails } from '../app-details.ts';
import { podByUuid } from '../find.ts';
import { nameOf } from '../names.ts';
import { appNames, listPods, type PodEntry, startedAt, writtenAt } from '../pods.ts';
import { hasExited } from '../state.ts';
import { Directories, whenUnlocked } from './directories.ts';
import { eventsBetween, type PodEvent, type SeenApp, type SeenPod, withoutLosses } from './pod-events.ts';
import { Wakeup } from './wakeup.ts';

export interface EventOptions {
  readonly dataDir: string;
  /** Only these pods; empty: all. The stream ends when all of them are removed. */
  readonly only: ReadonlySet<string>;
  /** What happened since then comes first, as far as the pods that are there still tell (milliseconds since the epoch). */
  readonly since: number;
  /** Ends the stream. */
  readonly signal: AbortSignal;
}

export async function* watchEvents(options: EventOptions): AsyncGenerator<PodEvent> {
  const stream = new EventStream(options);
  options.signal.addEventListener('abort', stream.wake);
  try {
    stream.begin();
    while (!options.signal.aborted) {
      yield* stream.take();
      if (stream.isOver) return;
      if (!options.signal.aborted) await stream.next();
    }
  } finally {
    options.signal.removeEventListener('abort', stream.wake);
    stream.close();
  }
}

class EventStream {
  readonly #options: EventOptions;
  readonly #directories = new Directories();
  readonly #wakeup = new Wakeup();
  readonly #seen = new Map<string, SeenPod>();
  /** Pods whose lock is waited for. */
  readonly #awaited = new Set<string>();
  #events: PodEvent[] = [];
  /** What went wrong when nobody was there to hear of it. */
  #failure: { readonly error: unknown } | undefined;

  constructor(options: EventOptions) {
    this.#options = options;
  }

  readonly wake = (): void => this.#wakeup.wake();

  /** Watches, then looks. */
  begin(): void {
    const { since } = this.#options;
    this.#watchPhases();
    this.#lookAtAll();
    this.#events = this.#events.filter(({ time }) => time >= since).sort((a, b) => a.time - b.time);
  }

  #lookAtAll(): void {
    for (const { uuid } of listPods(this.#options.dataDir)) this.#look(uuid);
  }

  /** Where no pod has ever been, the directories of the phases are waited for as well. */
  #watchPhases(): void {
    const { dataDir } = this.#options;
    const told = (name: string): void => {
      if (isUuid(name)) this.#told(() => this.#look(name));
    };
    for (;;) {
      const missing = podPhases.find((phase) => !this.#directories.add(phase, podPhaseDir(dataDir, phase), told));
      this.#directories.remove('above ');
      if (missing === undefined) return;
      const above = nearestDirectory(podPhaseDir(dataDir, missing));
      const watched = this.#directories.add(`above ${above}`, above, () => this.#told(() => this.#phasesAppeared()));
      // Otherwise it was made, or removed, before it was watched.
      if (watched && nearestDirectory(podPhaseDir(dataDir, missing)) === above) return;
    }
  }

  #phasesAppeared(): void {
    this.#watchPhases();
    this.#lookAtAll();
  }

  /** Runs what the kernel's word leads to; an error is for whoever takes the events. */
  #told(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failure ??= { error };
      this.#wakeup.wake();
    }
  }

  /** What has happened and was not taken yet. Throws what went wrong meanwhile. */
  take(): PodEvent[] {
    if (this.#failure !== undefined) throw this.#failure.error;
    const events = this.#events;
    this.#events = [];
    return events;
  }

  next(): Promise<void> {
    return this.#wakeup.next();
  }

  /** Whether nothing can happen any more to the pods that are wanted. */
  get isOver(): boolean {
    const { only } = this.#options;
    return only.size > 0 && ![...only].some((uuid) => this.#seen.has(uuid));
  }

  close(): void {
    this.#directories.close();
  }

  /** Compares a pod with what was seen of it before. */
  #look(uuid: string): void {
    const { only } = this.#options;
    if (only.size > 0 && !only.has(uuid)) return;
    const before = this.#seen.get(uuid);
    const after = this.#find(uuid, before);
    if (after === undefined) {
      this.#seen.delete(uuid);
      this.#directories.remove(`${uuid}/`);
    } else {
      this.#seen.set(uuid, after);
    }
    this.#events.push(...eventsBetween(before, after, Date.now()));
    if (this.#events.length > 0) this.#wakeup.wake();
  }

  /** The pod as it is now; undefined where it is gone. One that moves while it is looked at is looked at again. */
  #find(uuid: string, before: SeenPod | undefined): SeenPod | undefined {
    const { dataDir } = this.#options;
    for (;;) {
      const pod = podByUuid(dataDir, uuid);
      if (pod === undefined) return undefined;
      this.#watch(pod);
      const seen = lookAt(dataDir, pod, before?.name);
      if (seen !== undefined) return before === undefined ? seen : withoutLosses(before, seen);
    }
  }

  /** The files of a running pod, and its end. Before the look, so that what happens after it is told. */
  #watch({ uuid, dir, state }: PodEntry): void {
    if (state !== 'running') {
      this.#directories.remove(`${uuid}/`);
      return;
    }
    const look = (): void => this.#told(() => this.#look(uuid));
    this.#directories.add(`${uuid}/`, dir, look);
    this.#directories.add(`${uuid}/status`, podFiles.statusDir(dir), look);
    for (const app of appNames(dir)) {
      this.#directories.add(`${uuid}/appsinfo/${app}`, podFiles.appDir(dir, app), look);
    }
    if (this.#awaited.has(uuid)) return;
    const freed = (): void => {
      this.#awaited.delete(uuid);
      look();
    };
    if (whenUnlocked(dir, freed)) this.#awaited.add(uuid);
  }
}

/** The directory itself, or the next one above it that is there. */
function nearestDirectory(path: string): string {
  return existsSync(path) || path === '/' ? path : nearestDirectory(dirname(path));
}

/** What there is to see of a pod; undefined where it has just moved. */
function lookAt(dataDir: string, pod: PodEntry, name: string | undefined): SeenPod | undefined {
  const { uuid, phase, dir, state } = pod;
  const status = statSync(dir, { throwIfNoEntry: false });
  if (status === undefined) return undefined;
  const apps = phase === 'run' || phase === 'exited-garbage' ? appNames(dir) : [];
  const seen: SeenPod = {
    uuid,
    name: name ?? nameOf(dataDir, pod),
    phase,
    moved: status.ctimeMs,
    exited: hasExited(state),
    started: startedAt(dir),
    ready: writtenAt(podFiles.ready(dir)),
    apps: new Map(apps.map((app) => [app, lookAtApp(pod, app)])),
  };
  return existsSync(dir) ? seen : undefined;
}

function lookAtApp(pod: PodEntry, app: string): SeenApp {
  const { started, finished, exitCode, restarts } = appDetails(pod, app);
  const restarted = restarts === 0 ? undefined : writtenAt(podFiles.appRestarts(pod.dir, app));
  return { started, finished, code: exitCode, restarted, restarts };
}
