/**
 * `npm test`: runs every suite, some of them once more in a virtual machine, checks that the host is as it was before, and ends with
 * one line of counts. Arguments are patterns of test files, as jest takes them; with any, nothing runs in the virtual machine.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { difference, snapshot } from './support/host-state.ts';
import { type Counts, runInMachine, whyNot } from './vm/machine.ts';
import { suites } from './vm/suites.ts';

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
    // In a virtual machine, what waits for a service does not wait for another suite as well.
    const workers = process.env.RKT_TEST_MACHINE === 'virtual' ? '--runInBand' : '--maxWorkers=2';
    // What a failed test has left open would keep jest from ending.
    const args = [jest, '--json', `--outputFile=${report}`, '--forceExit', workers, ...patterns];
    // The report of results goes to the file; what a person follows goes to stderr, as jest does by itself.
    spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    return JSON.parse(readFileSync(report, 'utf8')) as JestResult;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The suites that ask most of the kernel, on another one. */
async function runElsewhere(): Promise<Counts> {
  const reason = whyNot();
  if (reason !== undefined) {
    console.error(`skipped: the suites in a virtual machine: ${reason}`);
    return { passed: 0, failed: 0, skipped: 1 };
  }
  try {
    return await runInMachine(suites);
  } catch (error) {
    console.error(`there is no virtual machine: ${(error as Error).message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

const patterns = process.argv.slice(2);
const before = snapshot();
const result = runJest(patterns);
const elsewhere = patterns.length === 0 ? await runElsewhere() : { passed: 0, failed: 0, skipped: 0 };
const leftovers = difference(before, snapshot());
for (const line of leftovers) console.error(`host: ${line}`);

const clean = leftovers.length === 0;
const passed = result.numPassedTests + elsewhere.passed + (clean ? 1 : 0);
const failed = result.numFailedTests + result.numRuntimeErrorTestSuites + elsewhere.failed + (clean ? 0 : 1);
const pending = result.numPendingTests + elsewhere.skipped;
const skipped = pending === 0 ? '' : `, ${pending} skipped`;
console.log(`${passed} passed, ${failed} failed${skipped}`);
process.exitCode = failed === 0 && passed > 1 ? 0 : 1;
