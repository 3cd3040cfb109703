/**
 * `npm test`: runs every suite, checks that the host is as it was before, and ends with one line of counts.
 * Arguments are patterns of test files, as jest takes them.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { difference, snapshot } from './support/host-state.ts';

const root = dirname(import.meta.dirname);

interface JestResult {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

function runJest(patterns: readonly string[]): JestResult {
  const dir = mkdtempSync(join(tmpdir(), 'rkt-jest-'));
  const report = join(dir, 'report.json');
  try {
    const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
    const args = [jest, '--json', `--outputFile=${report}`, '--maxWorkers=2', ...patterns];
    // The report of results goes to the file; what a person follows goes to stderr, as jest does by itself.
    spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    return JSON.parse(readFileSync(report, 'utf8')) as JestResult;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const before = snapshot();
const result = runJest(process.argv.slice(2));
const leftovers = difference(before, snapshot());
for (const line of leftovers) console.error(`host: ${line}`);

const passed = result.numPassedTests + (leftovers.length === 0 ? 1 : 0);
const failed = result.numFailedTests + result.numRuntimeErrorTestSuites + (leftovers.length === 0 ? 0 : 1);
const skipped = result.numPendingTests === 0 ? '' : `, ${result.numPendingTests} skipped`;
console.log(`${passed} passed, ${failed} failed${skipped}`);
process.exitCode = failed === 0 && passed > 1 ? 0 : 1;
