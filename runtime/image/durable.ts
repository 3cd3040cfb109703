/** Files that are there whole or not at all, also after a power cut. */

import { closeSync, constants, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';

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

/** Replaces `path` by a file with `content`; `temporary` is a free name on the same file system. */
export function replaceDurable(path: string, temporary: string, content: string): void {
  writeDurable(temporary, content);
  renameSync(temporary, path);
  syncDirectory(path.slice(0, path.lastIndexOf('/')));
}
