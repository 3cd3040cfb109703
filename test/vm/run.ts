/** `npm run test:vm -- PATTERN…`: files of tests in a virtual machine; without patterns, those that `make test` runs there. */

import { runInMachine, whyNot } from './machine.ts';
import { suites } from './suites.ts';

const reason = whyNot();
if (reason !== undefined) throw new Error(reason);
const patterns = process.argv.slice(2);
const { passed, failed, skipped } = await runInMachine(patterns.length === 0 ? suites : patterns);
console.log(`${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
