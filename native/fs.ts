/**
 * File system work beneath a directory whose content comes from somebody else, as an archive is unpacked. Relative paths are
 * resolved by the kernel (openat2, Linux 5.6) so that they neither leave `dirfd` nor pass through a symbolic link: what does
 * fails with EXDEV or ELOOP. Calls are synchronous, but for `Later`; failures carry `errno`, `code` and `syscall` as in index.ts.
 */

import { addon } from './index.ts';

/** A path or name: a string stands for its UTF-8 bytes, a Uint8Array for any bytes but NUL. */
export type PathBytes = string | Uint8Array;

export interface Attributes {
  uid: number;
  gid: number;
  /** Permission bits with setuid, setgid and sticky; without meaning for a symbolic link. */
  mode: number;
  mtime: { sec: number; nsec: number };
}

export const nodeTypes = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const;

interface Calls {
  fsOpenDirectory(dirfd: number, path: PathBytes): number;
  fsOpenInRoot(root: PathBytes, path: PathBytes): number;
  fsMakeDirectory(dirfd: number, path: PathBytes, mode: number): void;
  fsMakeSymlink(dirfd: number, path: PathBytes, target: PathBytes): void;
  fsMakeHardlink(dirfd: number, path: PathBytes, existing: PathBytes): void;
  fsMakeNode(dirfd: number, path: PathBytes, mode: number, major: number, minor: number): void;
  fsCreateFile(dirfd: number, path: PathBytes): number;
  fsSetAttributes(
    dirfd: number,
    path: PathBytes | null,
    uid: number,
    gid: number,
    mode: number,
    sec: number,
    nsec: number,
  ): void;
  fsRemoveEntry(dirfd: number, path: PathBytes): void;
  fsCopyEntry(source: PathBytes, dirfd: number, path: PathBytes): void;
  fsSetXattr(dirfd: number, path: PathBytes | null, name: string, value: Uint8Array): void;
  fsListXattrs(path: PathBytes): string[];
  fsGetXattr(path: PathBytes, name: string): Buffer;
  fsRemoveTree(path: PathBytes): void;
  fsRemoveTreeLater(path: PathBytes): Promise<void>;
  fsSupports(type: string): boolean;
}

const calls = addon as Calls;

/** Opens a directory beneath `dirfd` for reading. */
export function openDirectory(dirfd: number, path: PathBytes): number {
  return calls.fsOpenDirectory(dirfd, path);
}

/**
 * Resolves `path` as a process would whose root is `root`: absolute links and ".." stay inside. Returns an O_PATH
 * descriptor, which `fs.fstatSync` takes; `/proc/self/fd/<it>` opens what it refers to.
 */
export function openInRoot(root: PathBytes, path: PathBytes): number {
  return calls.fsOpenInRoot(root, path);
}

/** The parent must exist. EEXIST where anything is there. */
export function makeDirectory(dirfd: number, path: PathBytes, mode: number): void {
  calls.fsMakeDirectory(dirfd, path, mode);
}

/** `target` is any text; it is not resolved. */
export function makeSymlink(dirfd: number, path: PathBytes, target: PathBytes): void {
  calls.fsMakeSymlink(dirfd, path, target);
}

/** Both paths are beneath `dirfd`. A symbolic link is linked itself. */
export function makeHardlink(dirfd: number, path: PathBytes, existing: PathBytes): void {
  calls.fsMakeHardlink(dirfd, path, existing);
}

/** A device or a FIFO. */
export function makeNode(
  dirfd: number,
  path: PathBytes,
  node: { type: keyof typeof nodeTypes; mode: number; major: number; minor: number },
): void {
  calls.fsMakeNode(dirfd, path, nodeTypes[node.type] | (node.mode & 0o7777), node.major, node.minor);
}

/** A new file, open for writing, mode 0600 until {@link setAttributes}. */
export function createFile(dirfd: number, path: PathBytes): number {
  return calls.fsCreateFile(dirfd, path);
}

/** Removes a file, link, node or empty directory beneath `dirfd`. */
export function removeEntry(dirfd: number, path: PathBytes): void {
  calls.fsRemoveEntry(dirfd, path);
}

/**
 * Copies what `source` names (its last component is not followed) to a new `path` beneath `dirfd`: a file with its holes, as a
 * clone where the file system can; a link; a node; a directory without its content. Owner, mode and time come along, but
 * for a directory, which is 0700 until {@link setAttributes}; extended attributes do not. EOPNOTSUPP for a socket.
 */
export function copyEntry(source: PathBytes, dirfd: number, path: PathBytes): void {
  calls.fsCopyEntry(source, dirfd, path);
}

/** Sets all of them; with path null, of what `dirfd` refers to. A link's own are set, never its target's. */
export function setAttributes(dirfd: number, path: PathBytes | null, attributes: Attributes): void {
  const { uid, gid, mode, mtime } = attributes;
  calls.fsSetAttributes(dirfd, path, uid, gid, mode, mtime.sec, mtime.nsec);
}

/** After {@link setAttributes}: chown(2) drops `security.capability`. */
export function setXattr(dirfd: number, path: PathBytes | null, name: string, value: Uint8Array): void {
  calls.fsSetXattr(dirfd, path, name, value);
}

/** Names of the extended attributes of `path`, which is followed up to its last component only. */
export function listXattrs(path: PathBytes): string[] {
  return calls.fsListXattrs(path);
}

export function getXattr(path: PathBytes, name: string): Buffer {
  return calls.fsGetXattr(path, name);
}

/** Whether the kernel has this type of file system; a module is loaded for it. */
export function supportsFilesystem(type: string): boolean {
  return calls.fsSupports(type);
}

/** Removes `path` with everything below it; links are not followed, mount points are refused. Absent is fine. */
export function removeTree(path: PathBytes): void {
  calls.fsRemoveTree(path);
}

/** The same, on a thread of its own. */
export async function removeTreeLater(path: PathBytes): Promise<void> {
  await calls.fsRemoveTreeLater(path);
}
