import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { buildSanitized } from '../../support/sanitized.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const dir = mkdtempSync(join(tmpdir(), 'output-fuzz-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('whatever apps print in whatever pieces comes out whole, in its order, and without undefined behaviour', () => {
  const stage1 = join(root, 'native', 'src', 'stage1');
  const used =
    /^(activation|output(?!-process)|log-|line-splitter|sink|streams|attach-server|message|signals|pty|resolve)/;
  const sources = [
    ...readdirSync(stage1)
      .filter((name) => used.test(name) && name.endsWith('.c'))
      .map((name) => join(stage1, name)),
    join(root, 'native', 'src', 'common', 'error.c'),
    join(root, 'test', 'fuzz', 'output', 'output-driver.c'),
  ];
  const driver = join(dir, 'driver');
  expect(buildSanitized(driver, sources)).toEqual({ status: 0, stderr: '' });
  const run = spawnSync(driver, [dir, '60', '15'], { encoding: 'utf8' });
  expect([run.status, run.stderr]).toEqual([0, '']);
  // Fewer only where the time ran out; even a loaded machine does a part of it.
  expect(Number(run.stdout)).toBeGreaterThan(5);
});
