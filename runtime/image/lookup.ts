/** Questions about a root filesystem that are answered before it is mounted. Links in it are followed inside it only. */

import { closeSync, fstatSync, openSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { openInRoot } from '../../native/fs.ts';
import { maxId } from '../appc/field.ts';
import { errnoOf, RktError } from '../base/errors.ts';
import { resolveMerged } from './render/resolve.ts';

/** Databases of users and groups larger than this are refused. */
const maxDatabaseBytes = 1024 * 1024;

/** Errors that mean "there is nothing by that name", as exec(3) goes on with the next directory after them. */
const absent = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENAMETOOLONG', 'EXDEV']);

/** The root filesystem: its overlay lower directories, topmost first. */
export type Roots = readonly string[];

/** An O_PATH descriptor of what `path` is in the root filesystem. One directory is looked up in by the kernel. */
function open(roots: Roots, path: string): number {
  if (roots.length === 1) return openInRoot(roots[0] as string, path);
  const { source } = resolveMerged(
    roots.map((root) => ({ root: Buffer.from(root) })),
    path,
  );
  return openInRoot('/', source);
}

/** Runs `work` with an O_PATH descriptor of something in the root filesystem; undefined where there is nothing. */
function withOpened<T>(roots: Roots, path: string, work: (fd: number, status: Stats) => T): T | undefined {
  let fd: number;
  try {
    fd = open(roots, path);
  } catch (error) {
    if (absent.has(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
  try {
    return work(fd, fstatSync(fd));
  } finally {
    closeSync(fd);
  }
}

/**
 * Where on the host lies what `path` is in the root filesystem: a path without links, in one of its directories. Undefined where there
 * is nothing.
 */
export const hostPathOf = (roots: Roots, path: string): string | undefined =>
  withOpened(roots, path, (fd) => readlinkSync(`/proc/self/fd/${fd}`));

const isExecutable = (status: Stats): boolean => status.isFile() && (status.mode & 0o111) !== 0;

const join = (directory: string, name: string): string =>
  (directory.endsWith('/') ? directory : `${directory}/`) + name;

/**
 * The path, inside the image, of the program that exec(3) would start (aci.md, exec): `exec0` itself where it contains a
 * slash, otherwise the first executable file of that name along `pathEnv`. An undefined `pathEnv` means the working
 * directory and then the system's default path. Undefined where there is none.
 */
export function findExecutable(
  roots: Roots,
  exec0: string,
  pathEnv: string | undefined,
  workingDirectory = '/',
): string | undefined {
  if (exec0 === '') return undefined;
  const absolute = (path: string): string => (path.startsWith('/') ? path : join(workingDirectory, path));
  const directories = pathEnv === undefined ? ['', '/bin', '/usr/bin'] : pathEnv.split(':');
  const candidates = exec0.includes('/')
    ? [absolute(exec0)]
    : directories.map((directory) => join(directory === '' ? workingDirectory : absolute(directory), exec0));
  return candidates.find((path) => withOpened(roots, path, (_fd, status) => isExecutable(status)) === true);
}

/** What is at `path` in the root filesystem, links followed; undefined where there is nothing. */
export const statusInImage = (roots: Roots, path: string): Stats | undefined =>
  withOpened(roots, path, (_fd, status) => status);

function readAll(fd: number, size: number): string {
  const buffer = Buffer.alloc(size);
  let length = 0;
  for (let count = -1; length < size && count !== 0; length += count)
    count = readSync(fd, buffer, length, size - length, null);
  return buffer.toString('utf8', 0, length);
}

/** The lines of a file of the image, split at ":"; none where there is no such file. */
function readDatabase(roots: Roots, path: string): string[][] {
  const text = withOpened(roots, path, (fd, status) => {
    if (!status.isFile()) throw new RktError(`${path} is not a regular file`, { code: 'EIMAGE' });
    if (status.size > maxDatabaseBytes) {
      throw new RktError(`${path} has ${status.size} bytes, more than the ${maxDatabaseBytes} allowed`, {
        code: 'EIMAGE',
      });
    }
    // An O_PATH descriptor cannot be read; opening it anew through /proc reaches the very same file.
    const readable = openSync(`/proc/self/fd/${fd}`, 'r');
    try {
      return readAll(readable, status.size);
    } finally {
      closeSync(readable);
    }
  });
  return text === undefined ? [] : text.split('\n').map((line) => line.split(':'));
}

/** A user or group id; undefined where `text` is none. Nothing is ever rounded, wrapped or taken for 0. */
function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]{1,20}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= maxId ? id : undefined;
}

/** Whose databases they are, for errors: an image's, or those of an app that runs. */
type DatabaseOwner = 'image' | 'app';

interface Kind {
  what: 'user' | 'group';
  database: string;
  idOfFile: (status: Stats) => number;
}

const userKind: Kind = { what: 'user', database: '/etc/passwd', idOfFile: (status) => status.uid };
const groupKind: Kind = { what: 'group', database: '/etc/group', idOfFile: (status) => status.gid };

function fail(what: string, name: string, reason: string): never {
  throw new RktError(`${what} ${JSON.stringify(name)}: ${reason}`, { code: 'EUSER' });
}

function lookupId(roots: Roots, name: string, { what, database, idOfFile }: Kind, owner: DatabaseOwner): number {
  if (name.startsWith('/')) {
    const id = withOpened(roots, name, (_fd, status) => idOfFile(status));
    return id ?? fail(what, name, `there is no such file in the ${owner}`);
  }
  const id = parseId(name);
  const line = name === '' ? undefined : readDatabase(roots, database).find((fields) => fields[0] === name);
  if (line !== undefined) {
    const found = parseId(line[2]) ?? failNumber(what, name, database, owner);
    // Names come before numbers (aci.md), but an image that calls its root "1000" makes nobody root who asks for 1000.
    if (found === 0 && id !== undefined && id !== 0) {
      fail(what, name, `it is a number, but in the ${owner}'s ${database} a name of 0`);
    }
    return found;
  }
  if (id !== undefined) return id;
  return fail(what, name, `it is not in the ${owner}'s ${database}, and is not a number from 0 to ${maxId}`);
}

export interface UserIds {
  uid: number;
  gid: number;
}

/**
 * The ids that an app runs with (aci.md, user and group): looked up in the image's own /etc/passwd and /etc/group, else taken
 * as numbers; a value that begins with "/" stands for the owner or group of that file. Throws EUSER where a name is unknown, an
 * id out of range, or a number a name of root: nobody becomes root by a mistake.
 */
export function lookupUser(roots: Roots, user: string, group: string, owner: DatabaseOwner = 'image'): UserIds {
  return { uid: lookupUid(roots, user, owner), gid: lookupGid(roots, group, owner) };
}

/** One of them alone, by the same rules. */
export const lookupUid = (roots: Roots, user: string, owner: DatabaseOwner = 'image'): number =>
  lookupId(roots, user, userKind, owner);
export const lookupGid = (roots: Roots, group: string, owner: DatabaseOwner = 'image'): number =>
  lookupId(roots, group, groupKind, owner);

/**
 * The ids of a user that an image of Docker names without a group, by name or number: the user's own group and those that have
 * it as a member, from the image's /etc/passwd and /etc/group. A number that is not there is its own group, as docker2aci had
 * it. Errors: EUSER as for {@link lookupUser}.
 */
export function lookupDockerUser(
  roots: Roots,
  user: string,
  owner: DatabaseOwner = 'image',
): UserIds & { gids: number[] } {
  const users = user.startsWith('/') ? [] : readDatabase(roots, userKind.database);
  const line = users.find(([name]) => name === user) ?? users.find((fields) => isNumbered(fields, user));
  if (line === undefined) return { ...lookupUser(roots, user, user, owner), gids: [] };
  const [name = '', , uidText, gidText] = line;
  const uid = parseId(uidText) ?? failNumber('user', user, userKind.database, owner);
  if (uid === 0) lookupId(roots, user, userKind, owner);
  const gid = parseId(gidText) ?? failNumber('group', user, userKind.database, owner);
  const groups = readDatabase(roots, groupKind.database).filter(([, , , list]) => list?.split(',').includes(name));
  const gids = groups.flatMap((fields) => parseId(fields[2]) ?? []);
  return { uid, gid, gids: [...new Set(gids)].filter((id) => id !== gid) };
}

const isNumbered = (fields: readonly string[], user: string): boolean =>
  parseId(user) !== undefined && parseId(fields[2]) === parseId(user);

const failNumber = (what: string, name: string, database: string, owner: DatabaseOwner): never =>
  fail(what, name, `its id in the ${owner}'s ${database} is not a number from 0 to ${maxId}`);
