/** Files that others read while we write. */

import { renameSync, writeFileSync } from 'node:fs';

/** Writes a file so that whoever opens it sees all of it or what was there before. Not synced: for what a crash may undo. */
export function writeWhole(path: string, text: string | Uint8Array): void {
  const unfinished = `${path}.new`;
  writeFileSync(unfinished, text);
  renameSync(unfinished, path);
}
