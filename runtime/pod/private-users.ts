/**
 * Which ids of the host the users of a pod with private users are (docs/user-namespaces.md). No two pods have an id in common as
 * long as both are there, in whatever data directory: every pod has a lease, a file named by its uuid that says `SHIFT RANGE`.
 * Leases are on a file system that does not survive a boot; a pod that was prepared before takes its own anew when it is run.
 */

import { closeSync, existsSync, mkdirSync, openSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { native } from '../../native/index.ts';
import { errnoOf, RktError } from '../base/errors.ts';
import { readOptional } from '../base/files.ts';
import { privateUsersDir, usernsDir } from '../base/paths.ts';
import { randomBytes } from '../base/random.ts';
import type { PreparedApp } from '../stage1/prepared-app.ts';

/** `range` ids of the host from `shift` on, for users and for groups. The pod's root is the first. */
export interface IdRange {
  readonly shift: number;
  readonly range: number;
}

/** What the user wants: any ids, or these. */
export type PrivateUsers = 'pick' | IdRange;

/** As many as 16 bits have, which is what images expect. */
const usualRange = 65536;

/** Where ids are picked: what systemd sets aside for containers, 27,000 ranges, each beginning at a multiple of its size. */
const firstPicked = 0x8_0000;
const lastPicked = 0x6fff_ffff;

/** The last id that Linux has; the one after it means "none". */
const lastId = 0xffff_fffe;

/**
 * The value of `--private-users`: `no`, `yes` or `pick`, `SHIFT`, `SHIFT:RANGE`. Undefined: the host's users. Errors: EUSAGE.
 */
export function parsePrivateUsers(text: string): PrivateUsers | undefined {
  if (['no', 'false', '0'].includes(text)) return undefined;
  if (['yes', 'true', 'pick', '1'].includes(text)) return 'pick';
  const [, first, count] = /^([1-9][0-9]{0,9})(?::([1-9][0-9]{0,9}))?$/.exec(text) ?? [];
  if (first === undefined) {
    throw new RktError(`invalid value "${text}" for --private-users`, {
      code: 'EUSAGE',
      hint: "it takes no, pick, the id on the host of the pod's root, or that and how many there are: 1000000:65536",
    });
  }
  const ids = { shift: Number(first), range: count === undefined ? usualRange : Number(count) };
  if (ids.shift + ids.range - 1 > lastId) {
    throw new RktError(`--private-users=${text}: the ids ${shown(ids)} do not all exist`, { code: 'EUSAGE' });
  }
  return ids;
}

const shown = ({ shift, range }: IdRange): string => `${shift} to ${shift + range - 1}`;

const overlap = (a: IdRange, b: IdRange): boolean => a.shift < b.shift + b.range && b.shift < a.shift + a.range;

/** Whether two ranges are the same. */
const same = (a: IdRange, b: IdRange): boolean => a.shift === b.shift && a.range === b.range;

interface Lease extends IdRange {
  readonly uuid: string;
}

/**
 * Gives a pod the ids that the user wants, or some that nobody has. A pod that has them already keeps them. Errors: EUSERNS where
 * another pod has one of them, or none are left.
 */
export function claimIds(wanted: PrivateUsers, uuid: string): IdRange {
  const lock = openLock();
  try {
    native.flock(lock, 'exclusive', false);
    const leases = readLeases();
    const ids = wanted === 'pick' ? pick([...leases, ...rangesOfUsers()]) : wanted;
    const other = leases.find((lease) => lease.uuid !== uuid && overlap(lease, ids));
    if (other !== undefined) {
      throw new RktError(`the ids ${shown(ids)} are taken: pod ${other.uuid} has ${shown(other)}`, {
        code: 'EUSERNS',
        hint: 'choose others, or let rkt choose with --private-users=pick',
      });
    }
    if (!leases.some((lease) => lease.uuid === uuid && same(lease, ids))) {
      writeFileSync(`${privateUsersDir}/${uuid}`, `${ids.shift} ${ids.range}\n`, { mode: 0o600 });
    }
    return ids;
  } finally {
    closeSync(lock);
  }
}

/** Gives the ids of a pod back. One that has none is no error. */
export function releaseIds(uuid: string): void {
  const lease = `${privateUsersDir}/${uuid}`;
  // Few pods have one, and an exception takes several times as long as asking.
  if (!existsSync(lease)) return;
  try {
    unlinkSync(lease);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

function openLock(): number {
  mkdirSync(privateUsersDir, { recursive: true, mode: 0o700 });
  return openSync(`${privateUsersDir}/lock`, 'a', 0o600);
}

/** Under the lock, under which they are written as well. */
function readLeases(): Lease[] {
  return readdirSync(privateUsersDir).flatMap((uuid) => {
    const text = readOptional(`${privateUsersDir}/${uuid}`);
    const [, shift, range] = /^(\d+) (\d+)\n$/.exec(text ?? '') ?? [];
    // Whoever began to write one without numbers was killed, and has used none.
    return shift === undefined ? [] : [{ uuid, shift: Number(shift), range: Number(range) }];
  });
}

/** Ids that users of the host may use for containers of their own (subuid(5)). */
function rangesOfUsers(): IdRange[] {
  return ['/etc/subuid', '/etc/subgid'].flatMap((file) =>
    [...(readOptional(file) ?? '').matchAll(/^[^:\n]*:(\d+):(\d+)$/gm)].map(([, shift, range]) => ({
      shift: Number(shift),
      range: Number(range),
    })),
  );
}

/** A random place to begin at, and from there the first that is free. */
function pick(taken: readonly IdRange[]): IdRange {
  const places = Math.floor((lastPicked - firstPicked + 1) / usualRange);
  const start = randomBytes(4).readUInt32LE() % places;
  for (let step = 0; step < places; step++) {
    const ids = { shift: firstPicked + ((start + step) % places) * usualRange, range: usualRange };
    if (!taken.some((range) => overlap(range, ids))) return ids;
  }
  throw new RktError('no ids are left for the private users of a pod', {
    code: 'EUSERNS',
    hint: '"rkt gc --grace-period=0s" gives back those of pods that have exited',
  });
}

/** Errors: EAPP where an app needs an id that the pod does not have. */
export function requireIds(apps: readonly PreparedApp[], { range }: IdRange): void {
  for (const { name, uid, gid, app } of apps) {
    const outside = [
      ...(uid < range ? [] : [`user ${uid}`]),
      ...[gid, ...app.supplementaryGIDs].filter((id) => id >= range).map((id) => `group ${id}`),
    ];
    if (outside.length === 0) continue;
    throw new RktError(`app "${name}": ${outside.join(', ')} cannot be: the pod has the ids 0 to ${range - 1}`, {
      code: 'EAPP',
      hint: 'give the pod more with --private-users=SHIFT:RANGE',
    });
  }
}

/** Where the user namespace of a pod is pinned. */
export const usernsPath = (uuid: string): string => `${usernsDir}/${uuid}`;

/**
 * Makes the pod's user namespace, and with `netnsDir` its network namespace, which belongs to it; returns the path of that. What an
 * interrupted start of the same pod left is replaced. Errors: EUSERNS.
 */
export async function makeUserNamespace(
  uuid: string,
  { shift, range }: IdRange,
  netnsDir: string | undefined,
): Promise<string | undefined> {
  const netns = netnsDir === undefined ? undefined : `${netnsDir}/${uuid}`;
  for (const dir of [usernsDir, ...(netnsDir === undefined ? [] : [netnsDir])]) {
    mkdirSync(dir, { recursive: true, mode: 0o755 });
  }
  native.removeNetns(usernsPath(uuid));
  if (netns !== undefined) native.removeNetns(netns);
  try {
    await native.createUserNamespace(usernsPath(uuid), shift, range, netns ?? '');
    return netns;
  } catch (cause) {
    throw new RktError(`--private-users: ${(cause as Error).message}`, {
      code: 'EUSERNS',
      hint: 'are user namespaces switched off? See /proc/sys/user/max_user_namespaces',
      cause,
    });
  }
}

/** Lets go of a pod's user namespace. One that has none is no error. */
export const removeUserNamespace = (uuid: string): void => native.removeNetns(usernsPath(uuid));
