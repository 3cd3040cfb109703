import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { encodePlan } from '../../../runtime/stage1/plan.ts';
import { buildSanitized } from '../../support/sanitized.ts';
import { examplePlan } from '../../unit/stage1/example-plan.ts';

const dir = mkdtempSync(join(tmpdir(), 'plan-fuzz-'));
afterAll(() => rmSync(dir, { recursive: true }));

const iterations = 200_000;

test('mutated plans are parsed or refused, never undefined behaviour', () => {
  const sources = [
    ...['fuzz-driver.c', 'plan-fuzz.c'].map((name) => `test/fuzz/${name}`),
    ...['plan.c', 'plan-reader.c', 'sysctl.c'].map((name) => `native/src/stage1/${name}`),
    'native/src/common/error.c',
  ];
  const driver = join(dir, 'driver');
  expect(buildSanitized(driver, sources)).toEqual({ status: 0, stderr: '' });

  const { leaseFd: _, apps, ...rest } = examplePlan;
  const small = {
    ...rest,
    cgroups: [],
    teardown: [],
    sysctls: {},
    apps: [{ ...apps[0], name: 'a', mounts: [], files: [] }],
  };
  const corpus = [examplePlan, small].map((plan, index) => {
    const path = join(dir, `corpus-${index}`);
    writeFileSync(path, encodePlan(plan as typeof examplePlan));
    return path;
  });
  const run = spawnSync(driver, [String(iterations), '20', '7', ...corpus], { encoding: 'utf8' });
  expect([run.status, run.stderr]).toEqual([0, '']);
  // Fewer only where the time ran out; even a loaded machine does a part of it.
  expect(Number(run.stdout)).toBeGreaterThan(10_000);
});
