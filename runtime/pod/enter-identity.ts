/**
 * Whom a command in a running app runs as, where the user says so. Names are looked up in the app's root filesystem as it is now, with
 * the users that it has made since it was started and the files that volumes have put there. Whoever can change those is
 * root in the app already; what a command may do is bounded by the app's capabilities in any case.
 */

import { closeSync, constants, openSync, statSync } from 'node:fs';
import { messageOf, RktError } from '../base/errors.ts';
import { readOptional } from '../base/files.ts';
import { podFiles } from '../base/paths.ts';
import { lookupDockerUser, lookupGid, lookupUid } from '../image/lookup.ts';
import { podPid } from './pod-pid.ts';
import { readSettings } from './pod-settings.ts';
import type { PodEntry } from './pods.ts';
import type { IdRange } from './private-users.ts';

/** What the user says: names, ids or paths, as for an app (aci.md, user and group). */
export interface WantedIdentity {
  readonly user?: string;
  readonly group?: string;
  readonly supplementaryGids?: readonly number[];
}

/** Ids in the pod. What is missing is as the app has it. */
export interface EnterIdentity {
  readonly uid?: number;
  readonly gid?: number;
  readonly supplementaryGids?: readonly number[];
}

/**
 * A user whose group is not given has the groups that the app's /etc/passwd and /etc/group give them, none of the app's; a group alone
 * leaves the user and the supplementary groups as they are. Errors: EAPP where the app does not run, EUSER.
 */
export function lookUpIdentity(pod: PodEntry, app: string, wanted: WantedIdentity): EnterIdentity {
  const { user, group, supplementaryGids } = wanted;
  if (Object.keys(wanted).length === 0) return {};
  const ids = readSettings(pod.dir).privateUsers;
  const named = user !== undefined || group !== undefined;
  const found = named ? withRoot(pod, app, (root) => asErrorOf(app, () => idsByName(root, wanted, ids))) : {};
  const identity = { ...found, ...(supplementaryGids === undefined ? {} : { supplementaryGids }) };
  requireUsable(
    app,
    identity,
    ids,
    supplementaryGids === undefined ? 'the user is a member of' : '--supplementary-gids names',
  );
  return identity;
}

/** The ids of the user and the group, by the files below `root`. */
function idsByName(root: string, { user, group }: WantedIdentity, ids: IdRange | undefined): EnterIdentity {
  const roots = [root];
  const given = group === undefined ? undefined : inPod(lookupGid(roots, group, 'app'), group, ids);
  if (user === undefined) return { gid: given as number };
  if (given !== undefined) {
    return { uid: inPod(lookupUid(roots, user, 'app'), user, ids), gid: given, supplementaryGids: [] };
  }
  const { uid, gid, gids } = lookupDockerUser(roots, user, 'app');
  return { uid: inPod(uid, user, ids), gid: inPod(gid, user, ids), supplementaryGids: gids };
}

/** Says which app an error is about. */
function asErrorOf<T>(app: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new RktError(`app "${app}": ${messageOf(cause)}`, { code: 'EUSER', cause });
  }
}

/** The owner of a file is an id of the host. */
function inPod(id: number, wanted: string, ids: IdRange | undefined): number {
  if (ids === undefined || !wanted.startsWith('/')) return id;
  if (id >= ids.shift && id < ids.shift + ids.range) return id - ids.shift;
  throw new RktError(`${JSON.stringify(wanted)} belongs to nobody in the pod`, { code: 'EUSER' });
}

/** Both what arguments of programs can hold and what the kernel takes (NGROUPS_MAX) are more. */
const maxGroups = 8192;

/** Errors: EUSER where an id is none of the pod's, or there are too many groups; `whence` says how those come about. */
function requireUsable(
  app: string,
  { uid, gid, supplementaryGids = [] }: EnterIdentity,
  ids: IdRange | undefined,
  whence: string,
): void {
  if (supplementaryGids.length > maxGroups) {
    throw new RktError(`app "${app}": ${whence} ${supplementaryGids.length} groups, more than ${maxGroups}`, {
      code: 'EUSER',
    });
  }
  const outside = [uid, gid, ...supplementaryGids].find(
    (id) => ids !== undefined && id !== undefined && id >= ids.range,
  );
  if (outside === undefined) return;
  throw new RktError(
    `app "${app}": the id ${outside} cannot be: the pod has the ids 0 to ${(ids as IdRange).range - 1}`,
    {
      code: 'EUSER',
    },
  );
}

/**
 * Runs `work` with a path to the app's root filesystem. The process is held by a descriptor of its directory in /proc, which no other one
 * gets to be, and must be in the pod: its number may have become another's.
 */
function withRoot<T>(pod: PodEntry, app: string, work: (root: string) => T): T {
  const pid = Number(readOptional(podFiles.appPid(pod.dir, app)) ?? Number.NaN);
  const open: number[] = [];
  try {
    open.push(openSync(`/proc/${pid}`, constants.O_DIRECTORY));
    const process = `/proc/self/fd/${open[0]}`;
    open.push(openSync(`${process}/root`, constants.O_DIRECTORY));
    if (!isInPod(`${process}/ns/pid`, podPid(pod.dir))) throw new Error('its process is not in the pod');
  } catch (cause) {
    for (const fd of open) closeSync(fd);
    throw new RktError(`app "${app}" of pod ${pod.uuid} does not run: its users cannot be looked up`, {
      code: 'EAPP',
      cause,
    });
  }
  try {
    return work(`/proc/self/fd/${open[1]}`);
  } finally {
    for (const fd of open) closeSync(fd);
  }
}

/** Whether a process, by its PID namespace, is in the pod of `init`, and not on the host. */
function isInPod(namespace: string, init: number | undefined): boolean {
  const { dev, ino } = statSync(namespace);
  const same = (path: string): boolean => {
    const other = statSync(path);
    return other.dev === dev && other.ino === ino;
  };
  return init !== undefined && same(`/proc/${init}/ns/pid`) && !same('/proc/self/ns/pid');
}
