/**
 * An app that overwrites the program that runs it (CVE-2019-5736): an executable of the image whose first line is `#!/proc/self/exe`
 * makes `enter` execute itself in the pod, where /proc/PID/exe leads to the file on the host.
 */

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { errnoOf } from '../../../runtime/base/errors.ts';
import { defaultCapabilities, executable, TestPod } from '../stage1/harness.ts';

let pod: TestPod;
let programs: string;
const configured = process.env.STAGE1_DIR;

beforeEach(() => {
  pod = new TestPod();
  // Copies, so that an attack that works harms nothing, and nobody else executes the same file.
  programs = join(pod.dir, 'programs');
  mkdirSync(programs);
  for (const name of ['run', 'enter']) copyFileSync(executable(name), join(programs, `stage1-${name}`));
  process.env.STAGE1_DIR = programs;
});
afterEach(async () => {
  if (configured === undefined) delete process.env.STAGE1_DIR;
  else process.env.STAGE1_DIR = configured;
  expect(await pod.finish()).toEqual([]);
});

/** A pipe that takes no more, so that whoever writes to it waits: the attacker has all the time there is. */
function fullPipe(): { blocked: number; close: () => void } {
  const path = join(pod.dir, 'full');
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
const capsBounding = defaultCapabilities | (1n << 19n);

/** Opens the program while it runs, and writes to it as soon as it does not. */
const attack = `echo ready
victim=
while [ -z "$victim" ]; do
  for process in /proc/[0-9]*; do
    grep -q '^/proc/self/exe' $process/cmdline && victim=$process
  done 2>/dev/null
done
exec 9<$victim/exe && echo seen
until (echo overwritten >/proc/self/fd/9) 2>/tmp/error; do
  grep -q 'Text file busy' /tmp/error || break
done
cat /tmp/error; echo done`;

test('enter cannot be written to by the app that it enters', async () => {
  writeFileSync(join(pod.image, 'bin', 'evil'), '#!/proc/self/exe\n');
  chmodSync(join(pod.image, 'bin', 'evil'), 0o755);
  const before = readFileSync(executable('enter'));
  const run = pod.start(pod.plan([pod.app({ script: attack, capsBounding })]));
  await run.line('ready');
  await pod.appPid('app');
  const pipe = fullPipe();
  const args = [`--pid=${pod.file('pid')}`, '--appname=app', '--', '/bin/evil'];
  const entered = pod.entrypoint('enter', args, ['ignore', 'ignore', pipe.blocked]);
  await run.line('seen');
  entered.child.kill('SIGKILL');
  await entered.ended;
  pipe.close();
  const { stdout } = await run.ended;
  expect(readFileSync(executable('enter')).equals(before)).toBe(true);
  expect(stdout).toMatch(/^ready\nseen\n.*Read-only file system\ndone\n$/);
});

test('run cannot be written to through its process, whoever started it', async () => {
  const run = pod.start(pod.plan([pod.app({ script: 'echo ready; cat' })]), {
    stdio: ['pipe', 'pipe', 'pipe', pod.lockFd],
  });
  await run.line('ready');
  const descriptors = [run.child.pid, pod.file('pid')].map((pid) => openSync(`/proc/${pid}/exe`, 'r'));
  run.child.stdin?.end();
  expect((await run.ended).code).toBe(0);
  for (const fd of descriptors) {
    expect(() => openSync(`/proc/self/fd/${fd}`, 'r+')).toThrow(expect.objectContaining({ code: 'EROFS' }));
    closeSync(fd);
  }
});
