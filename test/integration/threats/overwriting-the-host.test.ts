/**
 * An app that overwrites the program that runs it (CVE-2019-5736): an executable of the image whose first line is `#!/proc/self/exe`
 * makes `enter` execute itself in the pod, where /proc/PID/exe leads to the file on the host.
 */

import { chmodSync, closeSync, copyFileSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { executable, TestPod } from '../stage1/harness.ts';
import { attack, attackCapabilities, fullPipe } from './exe-attack.ts';

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

test('enter cannot be written to by the app that it enters', async () => {
  writeFileSync(join(pod.image, 'bin', 'evil'), '#!/proc/self/exe\n');
  chmodSync(join(pod.image, 'bin', 'evil'), 0o755);
  const before = readFileSync(executable('enter'));
  const run = pod.start(pod.plan([pod.app({ script: `echo ready\n${attack}`, capsBounding: attackCapabilities })]));
  await run.line('ready');
  await pod.appPid('app');
  const pipe = fullPipe(pod.dir);
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
