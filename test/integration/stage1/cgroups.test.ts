/** Settings of control groups as stage1 writes them, and what it notes when an app has run into its limits. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { handDownControllers } from '../../../runtime/stage1/cgroups.ts';
import type { PlanCgroup } from '../../../runtime/stage1/plan.ts';
import { cgroupRoot, hierarchyOf, isUnified } from '../../support/cgroups.ts';
import { TestPod } from './harness.ts';

let pod: TestPod;
beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

/** The pod's group where `hierarchy` is; on cgroup v2 the apps' groups are given the controller of that name. */
function group(hierarchy: string, { writes = [], ...settings }: Partial<PlanCgroup>): PlanCgroup {
  const own = pod.cgroups.find(({ dir }) => dirname(dir) === hierarchyOf(hierarchy)) as PlanCgroup;
  if (!isUnified || hierarchy === 'unified') return { ...own, writes, ...settings };
  handDownControllers(cgroupRoot);
  return { ...own, writes: [['cgroup.subtree_control', `+${hierarchy}`], ...writes], ...settings };
}

async function whileUp(cgroups: PlanCgroup[], look: () => void): Promise<void> {
  const run = pod.start(pod.plan([pod.app({ script: 'echo up; read line' })], { cgroups }), {
    stdio: ['pipe', 'pipe', 'pipe', pod.lockFd],
  });
  await run.line('up');
  look();
  run.child.stdin?.end();
  await run.ended;
}

describe('settings', () => {
  test('are written to the pod’s group and to those of its apps', async () => {
    const pids = group('pids', {
      writes: [
        ['pids.max', '40'],
        ['app/pids.max', '30'],
      ],
    });
    await whileUp([pids], () => {
      expect(readFileSync(join(pids.dir, 'pids.max'), 'utf8')).toBe('40\n');
      expect(readFileSync(join(pids.dir, 'app', 'pids.max'), 'utf8')).toBe('30\n');
    });
  });

  test('are written on the unified hierarchy, whose controllers may all be elsewhere', async () => {
    const unified = group('unified', {
      writes: [
        ['cgroup.max.depth', '3'],
        ['app/cgroup.max.descendants', '0'],
      ],
    });
    await whileUp([unified], () => {
      expect(readFileSync(join(unified.dir, 'cgroup.max.depth'), 'utf8')).toBe('3\n');
      expect(readFileSync(join(unified.dir, 'app', 'cgroup.max.descendants'), 'utf8')).toBe('0\n');
    });
  });

  test('of files that a kernel may not have are passed over where it has none', async () => {
    const tries: [string, string][] = [
      ['pids.nope', '1'],
      ['app/pids.nope', '1'],
      ['app/pids.max', '30'],
    ];
    const pids = group('pids', { tries });
    await whileUp([pids], () => {
      expect(readFileSync(join(pids.dir, 'app', 'pids.max'), 'utf8')).toBe('30\n');
    });
  });

  test('that must be written and cannot be are a failure that leaves nothing', async () => {
    const pids = group('pids', { writes: [['pids.nope', '1']] });
    const { code, stderr } = await pod.run(pod.app(), { cgroups: [pids] });
    expect([code, stderr]).toEqual([254, "rkt: setting pids.nope=1 in the pod's cgroup: No such file or directory\n"]);
  });

  test('with a value that the kernel refuses are a failure even where the file may be missing', async () => {
    const pids = group('pids', { tries: [['app/pids.max', 'many']] });
    const { code, stderr } = await pod.run(pod.app(), { cgroups: [pids] });
    expect([code, stderr]).toEqual([254, "rkt: setting app/pids.max=many in the pod's cgroup: Invalid argument\n"]);
  });

  test.each(['/pids.max', '../pids.max', 'app/../pids.max', ''])('of the file %j are none', async (file) => {
    const plan = pod.plan([pod.app()], { cgroups: [group('pids', { tries: [[file, '1']] })] });
    const { code, stderr } = await pod.start(plan).ended;
    expect(code).toBe(254);
    expect(stderr).toContain('CGROUP_TRY');
    expect(stderr).toContain('not of the form file=value or app/file=value');
  });
});

describe('limits that an app ran into', () => {
  test('are noted where there were any', async () => {
    const pids = group('pids', { writes: [['app/pids.max', '3']], counters: ['refused-forks'] });
    const { stderr } = await pod.script('sleep 1 & sleep 1 & sleep 1 & sleep 1', {}, { cgroups: [pids] });
    expect(stderr).toContain('rkt: app "app" reached its limit of processes; not started: 1\n');
    expect(pod.file('appsinfo/app/limits')).toBe('oom-kills=0\nrefused-forks=1\n');
  });

  test('leave no file where there were none', async () => {
    await pod.script('true');
    expect(existsSync(join(pod.pod, 'appsinfo', 'app', 'limits'))).toBe(false);
  });
});
