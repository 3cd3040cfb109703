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

/**
 * Gives a pod that lies in phase prepare its name; with `replace`, also that of a pod that has exited, which keeps everything else.
 * Errors: ENAME where another pod has it.
 */
export function claimName(dataDir: string, name: string, uuid: string, replace = false): void {
  if (tryLink(dataDir, name, uuid)) return;
  withNamesLocked(dataDir, (dir) => {
    const holder = holderOf(dataDir, name);
    if (holder !== undefined && !(replace && holder.state === 'exited')) throw taken(name, holder);
    // Under a name that no pod can have.
    const fresh = `${dir}/.${uuid}`;
    symlinkSync(uuid, fresh);
    renameSync(fresh, `${dir}/${name}`);
  });
}

/** Takes its name from a pod, if it has it. */
export function freeName(dataDir: string, name: string, uuid: string): void {
  withNamesLocked(dataDir, (dir) => {
    if (targetOf(`${dir}/${name}`) === uuid) unlinkSync(`${dir}/${name}`);
  });
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

/** What frees a name, by the state of the pod that has it. */
const ways: Readonly<Record<NameHolder['state'], (name: string) => string>> = {
  ahead: (name) => `choose another name, or "rkt rm ${name}"`,
  running: () => 'choose another name, or stop and remove that pod',
  exited: (name) => `choose another name, "rkt rm ${name}", or take the name from it with --replace`,
};

function taken(name: string, { uuid, state }: NameHolder): RktError {
  return new RktError(`--pod-name "${name}": pod ${uuid} has that name`, { code: 'ENAME', hint: ways[state](name) });
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

function withNamesLocked(dataDir: string, work: (dir: string) => void): void {
  const dir = podNamesDir(dataDir);
  const fd = openSync(dir, 'r');
  try {
    native.flock(fd, 'exclusive', false);
    work(dir);
  } finally {
    closeSync(fd);
  }
}
