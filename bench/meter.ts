/** Time and memory of commands. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Measurement {
  /** Seconds. */
  readonly time: number;
  /** MiB of the process that needed most. */
  readonly memory: number;
}

/** getrusage(2) tells the peak of what was waited for; node does not pass it on. */
const meter =
  'import resource, subprocess, sys\n' +
  'status = subprocess.call(sys.argv[2:])\n' +
  'open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))\n' +
  'sys.exit(status)';

/** Runs commands one after the other. `dir` is for a file of the meter's. */
export function run(commands: readonly string[][], dir: string): Measurement {
  const peak = join(dir, 'peak');
  let time = 0;
  let memory = 0;
  for (const command of commands) {
    const start = performance.now();
    const { status, stderr } = spawnSync('python3', ['-c', meter, peak, ...command], {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    time += (performance.now() - start) / 1000;
    if (status !== 0) throw new Error(`${command[0]}: ${stderr.trim().split('\n').at(-1)}`);
    memory = Math.max(memory, Number(readFileSync(peak, 'utf8')) / 1024);
  }
  return { time, memory };
}
