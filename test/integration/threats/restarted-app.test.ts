/**
 * An app that prepares its root filesystem for its next start: a process of the host with all privileges joins it then
 * (CVE-2019-5736, CVE-2024-21626, CVE-2025-31133 at the second start instead of the first).
 */

import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { PlanRestart } from '../../../runtime/stage1/plan.ts';
import { executable, gone, TestPod } from '../stage1/harness.ts';
import { attack, attackCapabilities, fullPipe } from './exe-attack.ts';

let pod: TestPod;
const configured = process.env.STAGE1_DIR;

beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  if (configured === undefined) delete process.env.STAGE1_DIR;
  else process.env.STAGE1_DIR = configured;
  expect(await pod.finish()).toEqual([]);
});

const once: PlanRestart = { policy: 'on-failure', limit: 1 };

test.each([
  ['the root of the pod’s init', '/proc/1/root', 'it is outside the root filesystem'],
  ['the root of another app', '/proc/$other/root', 'it is outside the root filesystem'],
  ['a descriptor of the one that starts it', '/proc/self/fd/3', 'Not a directory'],
  ['another descriptor', '/proc/self/fd/7', 'No such file or directory'],
  ['its namespaces', '/proc/self/ns', 'it lies in /proc'],
])('a working directory that leads to %s is refused', async (_, target, reason) => {
  mkdirSync(join(pod.image, 'work'));
  const script = `
    for p in /proc/[0-9]*; do grep -qx sleep $p/comm && other=\${p#/proc/}; done
    echo run; cd /; rmdir /work && ln -s ${target} /work; exit 3`;
  const run = pod.start(
    pod.plan([
      pod.app({
        name: 'evil',
        script: `until grep -qx sleep /proc/[0-9]*/comm; do sleep 0.01; done; ${script}`,
        cwd: '/work',
        restart: once,
      }),
      pod.app({ name: 'other', script: 'exec sleep 1000' }),
    ]),
  );
  const { code, stdout, stderr } = await run.ended;
  expect([code, stdout]).toEqual([254, 'run\n']);
  expect(stderr).toBe(`rkt: app "evil": entering the working directory /work: ${reason}\n`);
});

test('what was masked and read-only stays so, whatever is put beside it', async () => {
  writeFileSync(join(pod.image, 'etc', 'secret'), 'secret\n');
  const script = `
    cat /etc/secret; (echo x > /proc/sys/kernel/hostname) 2>/dev/null && echo written
    rm -f /dev/null 2>/dev/null && echo removed; mv /proc /elsewhere 2>/dev/null && echo moved; echo run; exit 3`;
  const outcome = await pod.script(script, {
    restart: once,
    stdin: 'null',
    maskPaths: ['/etc/secret'],
    readonlyPaths: ['/proc/sys'],
  });
  expect(outcome).toEqual({ code: 3, stdout: 'run\nrun\n', stderr: '' });
});

test('stage1 cannot be written to by an app whose executable has become #!/proc/self/exe', async () => {
  // Copies, so that an attack that works harms nothing, and nobody else executes the same file.
  const programs = pod.directory('programs');
  for (const name of ['run', 'gc']) copyFileSync(executable(name), join(programs, `stage1-${name}`));
  process.env.STAGE1_DIR = programs;
  const before = readFileSync(executable('run'));
  writeFileSync(join(pod.image, 'bin', 'evil'), '#!/proc/self/exe\n');
  // The first run leaves a pipe behind that is full, as whoever reads it can pass nothing on.
  const fill = 'exec 9>&2 2>/dev/null; busybox timeout 1 head -c 1000000 /dev/zero >&9';
  writeFileSync(join(pod.image, 'bin', 'victim'), `#!/bin/sh\n${fill}\ncp /bin/evil /bin/victim\nexit 1\n`);
  for (const name of ['evil', 'victim']) chmodSync(join(pod.image, 'bin', name), 0o755);
  // Standard error takes no more, so that stage1 hangs where it complains in the place of the app.
  const pipe = fullPipe(pod.dir);
  const run = pod.start(
    pod.plan([
      pod.app({
        name: 'victim',
        args: ['/bin/victim'],
        restart: { policy: 'always' },
        capsBounding: attackCapabilities,
      }),
      // It stays, so that nothing is being written about its end when the monitor is killed.
      pod.app({ name: 'attacker', script: `${attack}\nexec sleep 1000`, capsBounding: attackCapabilities }),
    ]),
    { stdio: ['ignore', 'pipe', pipe.blocked, pod.lockFd] },
  );
  await run.line('done');
  run.child.kill('SIGKILL');
  pipe.close();
  const { stdout } = await run.ended;
  expect(stdout).toMatch(/^seen\n.*Read-only file system\ndone\n$/);
  expect(readFileSync(executable('run')).equals(before)).toBe(true);
  expect((await pod.entrypoint('gc', [pod.uuid]).ended).code).toBe(0);
  await gone(pod.uuid);
});
