/**
 * Imports an image in a process of its own: import-child.ts DATADIR FILE [DIE-AT]. Prints the id, or the error with its hint,
 * and what is left unfinished in the store. With DIE-AT the process kills itself (SIGKILL) at that call that changes files.
 */

import fs, { readdirSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { addon } from '../../../native/index.ts';
import { isRktError } from '../../../runtime/base/errors.ts';
import { quiet } from '../../../runtime/base/log.ts';
import { ImageStore } from '../../../runtime/image/store.ts';

const [, , dataDir = '', file = '', dieAt] = process.argv;

type Calls = Record<string, (...args: unknown[]) => unknown>;

/** Counts calls and dies just before the one with the number given. */
function dieBefore(count: number): void {
  let calls = 0;
  const wrap = (target: Calls, names: readonly string[]): void => {
    for (const name of names) {
      const original = target[name] as (...args: unknown[]) => unknown;
      target[name] = (...args) => {
        calls += 1;
        if (calls === count) process.kill(process.pid, 'SIGKILL');
        return original.apply(target, args);
      };
    }
  };
  wrap(fs as unknown as Calls, [
    'mkdirSync',
    'openSync',
    'writeSync',
    'renameSync',
    'fsyncSync',
    'unlinkSync',
    'writeFileSync',
  ]);
  const native = Object.keys(addon as Calls).filter((name) => name.startsWith('fs'));
  wrap(addon as Calls, [...native, 'syncfs', 'flock', 'streamStep', 'treeRun']);
  syncBuiltinESMExports();
}

if (dieAt !== undefined) dieBefore(Number(dieAt));
try {
  const info = await ImageStore.open(dataDir).importFile(file, { verification: 'disabled', log: quiet });
  console.log(info.id);
} catch (error) {
  if (!isRktError(error)) throw error;
  console.log(`${error.code}: ${error.message}${error.hint === undefined ? '' : `\n${error.hint}`}`);
}
try {
  console.log(readdirSync(`${dataDir}/images/tmp`).join(' '));
} catch {
  console.log();
}
