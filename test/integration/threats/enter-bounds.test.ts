/** Entering an app gives nothing that the app does not have (CVE-2019-10144): capabilities, filter, groups, privileges. */

import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { seccompFilter } from '../../../runtime/stage1/seccomp/filter.ts';
import { TestPod } from '../stage1/harness.ts';

let pod: TestPod;
beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

const fields = (status: string): string[] =>
  status.split('\n').filter((line) => /^(Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp):/.test(line));

test('what is entered has the bounds of the app', async () => {
  const seccomp = seccompFilter({ mode: 'remove', set: ['mkdir', 'mkdirat'], errno: 'ENOTTY' }, 0n, process.arch);
  const app = pod.app({
    script: 'echo ready; exec sleep 1000',
    uid: 1000,
    gid: 1001,
    supplementaryGids: [7],
    capsBounding: 1n << 13n,
    noNewPrivs: true,
    seccomp: seccomp as Buffer,
  });
  const writes: [string, string][] = [['app/pids.max', '12']];
  const cgroups = pod.cgroups.map((group) => (group.dir.includes('/pids/') ? { ...group, writes } : group));
  const run = pod.start(pod.plan([app], { cgroups }));
  await run.line('ready');
  const own = readFileSync(`/proc/${await pod.appPid('app')}/status`, 'utf8');

  const enter = (script: string) => pod.entrypoint('enter', ['--appname=app', '--', 'sh', '-c', script]).ended;
  const { stdout } = await enter('cat /proc/self/status');
  expect(fields(stdout)).toEqual(fields(own));
  expect(fields(stdout)).toContain('Seccomp:\t2');
  expect((await enter('mkdir /tmp/x')).stderr).toContain('Inappropriate ioctl for device');
  // The processes that were entered count for the app.
  expect((await enter('i=0; while [ $i -lt 20 ]; do sleep 10 > /dev/null 2>&1 & i=$((i+1)); done')).stderr).toContain(
    "can't fork",
  );
  run.child.kill('SIGTERM');
  await run.ended;
});
