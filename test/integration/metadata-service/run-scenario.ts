/** Runs a scenario (scenarios/*.ts) in network and mount namespaces of its own, with an empty /run, and returns its report. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const prepare = 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$@"';

export function runScenario<T>(name: string): T {
  const dir = mkdtempSync(join(tmpdir(), 'rkt-metadata-'));
  try {
    const script = join(import.meta.dirname, 'scenarios', `${name}.ts`);
    const inside = ['sh', '-c', prepare, 'sh', process.execPath, '--disable-warning=ExperimentalWarning', script, dir];
    const command = ['-nm', '--propagation', 'private', ...inside];
    const { status, signal, stdout, stderr } = spawnSync('unshare', command, { encoding: 'utf8', timeout: 60_000 });
    if (status !== 0) throw new Error(`scenario ${name} ended with ${status ?? signal}:\n${stdout}\n${stderr}`);
    return JSON.parse(stdout) as T;
  } finally {
    rmSync(dir, { recursive: true });
  }
}
