/** Runs a scenario (scenarios/*.ts) in network and mount namespaces of its own, with an empty /run, and returns its report. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { patience } from '../../support/patience.ts';

export function runScenario<T>(name: string, ...args: string[]): T {
  const dir = mkdtempSync(join(tmpdir(), 'rkt-netns-'));
  try {
    const script = join(import.meta.dirname, 'scenarios', `${name}.ts`);
    const inside = ['sh', '-c', 'mount -t tmpfs tmpfs /run && exec "$@"', 'sh', process.execPath, script, dir, ...args];
    const command = ['-nm', '--propagation', 'private', ...inside];
    const { status, signal, stdout, stderr } = spawnSync('unshare', command, {
      encoding: 'utf8',
      timeout: 60_000 * patience,
    });
    if (status !== 0) throw new Error(`scenario ${name} ended with ${status ?? signal}:\n${stderr}`);
    return JSON.parse(stdout) as T;
  } finally {
    // The pins of namespaces went with the mount namespace, so only plain files are left.
    rmSync(dir, { recursive: true });
  }
}
