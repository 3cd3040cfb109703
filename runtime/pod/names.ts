/**
 * Which pod has which name: a symbolic link per name whose target is the uuid (docs/on-disk-format.md). Making a link is one call
 * that fails where the name is taken, and writes name and uuid at once. A pod has its name until it is garbage. An entry
 * whose pod is gone, or was never finished, is stale and is taken over by the next who wants the name.
 *
 * Entries are removed and replaced by the holder of the lock of their directory only; a new one needs no lock.
 */

import { closeSync, openSync, readdirSync, readlinkSync, renameSync, symlinkSync, unlinkSync } from 'node:fs';
import { native } from '../../native/index.ts';
import { isUuid } from '../appc/uuid.ts';
import { errnoOf, messageOf, RktError } from '../base/errors.ts';
import { type PodPhase, podNamesDir } from '../base/paths.ts';
import { makeSharedDir } from '../base/shared-dirs.ts';
import { isLocked } from './pod-dir.ts';
import { readSettings } from './pod-settings.ts';

/** Phases in which a pod has its name. Being prepared counts as long as somebody is at it. */
const namedPhases: readonly PodPhase[] = ['prepare', 'prepared', 'run'];

/** Who has a name now. */
export interface NameHolder {
  readonly uuid: string;
  readonly state: 'ahead' | 'running' | 'exited';
}

/** The name of a pod that is being made: undefined where it is to have none, and then nothing is done. */
export class NameClaim {
  readonly #dataDir: string;
  readonly #name: string | undefined;
  readonly #replace: boolean;
  #before: string | undefined;

  /** With `replace` it may be that of a pod that has exited. */
  constructor(dataDir: string, name: string | undefined, replace: boolean) {
    this.#dataDir = dataDir;
    this.#name = name;
    this.#replace = replace;
  }

  /** For a pod in phase prepare. Errors: ENAME where another pod has the name. */
  take(uuid: string): void {
    if (this.#name !== undefined) this.#before = claimName(this.#dataDir, this.#name, uuid, this.#replace);
  }

  /** For a pod that did not come to run: the name is free again, or that of the pod that had it. */
  giveBack(uuid: string): void {
    if (this.#name !== undefined) freeName(this.#dataDir, this.#name, uuid, this.#before);
  }
}

/**
 * Gives a pod that lies in phase prepare its name; with `replace`, also that of a pod that has exited, which keeps everything else and
 * whose uuid is returned. Errors: ENAME where another pod has it.
 */
export function claimName(dataDir: string, name: string, uuid: string, replace = false): string | undefined {
  if (tryLink(dataDir, name, uuid)) return undefined;
  return withNamesLocked(dataDir, (dir) => {
    const holder = holderOf(dataDir, name);
    if (holder !== undefined && !(replace && holder.state === 'exited')) throw taken(name, holder, replace);
    relink(dir, name, uuid);
    return holder?.uuid;
  });
}

/** Takes its name from a pod, if it has it. It goes to the pod `heir`, as long as that is not garbage. */
export function freeName(dataDir: string, name: string, uuid: string, heir?: string): void {
  withNamesLocked(dataDir, (dir) => {
    if (targetOf(`${dir}/${name}`) !== uuid) return;
    if (heir !== undefined && isLocked(dataDir, 'run', heir) !== undefined) relink(dir, name, heir);
    else unlinkSync(`${dir}/${name}`);
  });
}

/** In one step, by way of a name that no pod can have. */
function relink(dir: string, name: string, uuid: string): void {
  const fresh = `${dir}/.${uuid}`;
  symlinkSync(uuid, fresh);
  renameSync(fresh, `${dir}/${name}`);
}

/** Removes the entries whose pods do not have their names any more; for gc. */
export function freeStaleNames(dataDir: string): void {
  if (entriesOf(dataDir).length === 0) return;
  withNamesLocked(dataDir, (dir) => {
    for (const entry of entriesOf(dataDir)) {
      if (holderOf(dataDir, entry) === undefined) unlinkSync(`${dir}/${entry}`);
    }
  });
}

/** The uuid of the pod that has this name, whatever has become of the pod. */
export function uuidOfName(dataDir: string, name: string): string | undefined {
  const target = targetOf(`${podNamesDir(dataDir)}/${name}`);
  return target !== undefined && isUuid(target) ? target : undefined;
}

/** The name that a pod has; undefined where it has none, or it is another's by now. */
export function nameOf(
  dataDir: string,
  { uuid, dir }: { readonly uuid: string; readonly dir: string },
): string | undefined {
  let name: string | undefined;
  try {
    ({ name } = readSettings(dir));
  } catch {
    // Damaged settings are reported to whoever needs them.
  }
  return name !== undefined && uuidOfName(dataDir, name) === uuid ? name : undefined;
}

/** Names by uuid, of all pods that have one. */
export function namesByUuid(dataDir: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const name of entriesOf(dataDir)) {
    const uuid = uuidOfName(dataDir, name);
    if (uuid !== undefined) names.set(uuid, name);
  }
  return names;
}

/** The pod that rightly has the name; undefined where nobody has, or the entry is stale. */
function holderOf(dataDir: string, name: string): NameHolder | undefined {
  const uuid = uuidOfName(dataDir, name);
  if (uuid === undefined) return undefined;
  for (const phase of namedPhases) {
    const locked = isLocked(dataDir, phase, uuid);
    if (locked === undefined || (phase === 'prepare' && !locked)) continue;
    if (phase !== 'run') return { uuid, state: 'ahead' };
    return { uuid, state: locked ? 'running' : 'exited' };
  }
  return undefined;
}

/** What frees a name for who has not said `--replace`, by the state of the pod that has it. */
const ways: Readonly<Record<NameHolder['state'], (name: string) => string>> = {
  ahead: (name) => `choose another name, or "rkt rm ${name}"`,
  running: () => 'choose another name, or stop and remove that pod',
  exited: (name) => `choose another name, "rkt rm ${name}", or take the name from it with --replace`,
};

function taken(name: string, { uuid, state }: NameHolder, replace: boolean): RktError {
  const hint = replace
    ? `--replace takes a name only from a pod that has exited: "rkt ${state === 'running' ? 'stop' : 'rm'} ${name}"`
    : ways[state](name);
  return new RktError(`--pod-name "${name}": pod ${uuid} has that name`, { code: 'ENAME', hint });
}

/** False where there is such an entry. */
function tryLink(dataDir: string, name: string, uuid: string): boolean {
  const dir = podNamesDir(dataDir);
  try {
    symlinkSync(uuid, `${dir}/${name}`);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    if (errnoOf(error) === 'ENOENT') {
      // A data directory from before there were names.
      makeSharedDir(dataDir, dir);
      return tryLink(dataDir, name, uuid);
    }
    throw new RktError(`giving pod ${uuid} the name "${name}": ${messageOf(error)}`, { code: 'ENAME', cause: error });
  }
}

function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    // EINVAL: not a link, so not ours.
    if (['ENOENT', 'EINVAL', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

function entriesOf(dataDir: string): string[] {
  try {
    return readdirSync(podNamesDir(dataDir));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function withNamesLocked<T>(dataDir: string, work: (dir: string) => T): T {
  const dir = podNamesDir(dataDir);
  const fd = openSync(dir, 'r');
  try {
    native.flock(fd, 'exclusive', false);
    return work(dir);
  } finally {
    closeSync(fd);
  }
}
