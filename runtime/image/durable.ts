/** Files that are there whole or not at all, also after a power cut. */

import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** Puts on disk which names a directory holds. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes a file and waits until its content is on disk. */
export function writeDurable(path: string, content: string): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(fd, content);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The same, for a file that will be renamed to `target`: the group of the directory there may read it. */
export function writeDurableFor(target: string, path: string, content: string): void {
  writeDurable(path, content);
  shareFor(target, path);
}

/** The same, without waiting for the disk. */
export function writeFor(target: string, path: string, content: string): void {
  writeFileSync(path, content, { flag: 'wx', mode: 0o600 });
  shareFor(target, path);
}

function shareFor(target: string, path: string): void {
  // Whatever the umask is.
  chmodSync(path, 0o640);
  chownSync(path, -1, statSync(dirname(target)).gid);
}

/** Replaces `path` by a file with `content`; `temporary` is a free name on the same file system. */
export function replaceDurable(path: string, temporary: string, content: string): void {
  writeDurableFor(path, temporary, content);
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}
