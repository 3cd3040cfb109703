import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { markerOf } from '../../runtime/image/tree-check.ts';

/** Waits until the trees are known to be on disk. */
export async function settled(treeDirs: readonly string[]): Promise<void> {
  for (const dir of treeDirs) {
    const watcher = watch(dir);
    try {
      while (!existsSync(markerOf(dir))) await once(watcher, 'change');
    } finally {
      watcher.close();
    }
  }
}
