/** inotify(7) through node, and the locks of pods: what tells that something about a pod may have changed. */

import { closeSync, type FSWatcher, watch } from 'node:fs';
import { native } from '../../../native/index.ts';
import { errnoOf, messageOf, RktError } from '../../base/errors.ts';
import { openOptional } from '../../base/files.ts';

/** Watched directories, which keep the event loop until {@link Directories.close}. */
export class Directories {
  readonly #watchers = new Map<string, FSWatcher>();

  /**
   * Watches a directory under a key of the caller's, unless it does already. What happens in it from now on is told to `changed`, with
   * the name of the entry. False where there is no such directory. Errors: EWATCH.
   */
  add(key: string, path: string, changed: (name: string) => void): boolean {
    if (this.#watchers.has(key)) return true;
    try {
      const watcher = watch(path, { encoding: 'utf8' }, (_kind, name) => changed(name ?? ''));
      // A directory that is removed is no failure: its end is seen where it lay.
      watcher.on('error', () => changed(''));
      this.#watchers.set(key, watcher);
      return true;
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT') return false;
      throw new RktError(`watching ${path}: ${messageOf(cause)}`, {
        code: 'EWATCH',
        ...(['EMFILE', 'ENOSPC'].includes(errnoOf(cause) ?? '')
          ? { hint: 'raise fs.inotify.max_user_instances or fs.inotify.max_user_watches (sysctl)' }
          : {}),
        cause,
      });
    }
  }

  /** Stops watching what was added under keys that begin with `prefix`. */
  remove(prefix: string): void {
    for (const [key, watcher] of this.#watchers) {
      if (!key.startsWith(prefix)) continue;
      watcher.close();
      this.#watchers.delete(key);
    }
  }

  close(): void {
    this.remove('');
  }
}

/** Calls `freed` once nobody holds the lock of a pod's directory any more. False where there is no such directory. */
export function whenUnlocked(dir: string, freed: () => void): boolean {
  const fd = openOptional(dir);
  if (fd === undefined) return false;
  try {
    native.lockFreed(fd).then(freed, freed);
    return true;
  } finally {
    closeSync(fd);
  }
}
