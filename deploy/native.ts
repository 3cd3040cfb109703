/**
 * Builds native/: the addon and the static stage1 executables, by node-gyp against the headers of the pinned node.
 * With arguments, only the targets named (see native/binding.gyp).
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const native = join(root, 'native');
const nodeDir = join(root, 'node_modules', `node-linux-${process.arch}`);
const nodeGyp = join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');

function run(command: string, args: string[]): void {
  const result = spawnSync(command, args, { cwd: native, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.status !== 0) {
    console.error(`native: ${command} ${args.join(' ')} failed`);
    process.exit(result.status ?? 1);
  }
}

const targets = process.argv.slice(2);
mkdirSync(join(native, 'build'), { recursive: true });
const gyp = ['--silent', `--nodedir=${nodeDir}`];
if (targets.length === 0 || !existsSync(join(native, 'build', 'Makefile'))) {
  run(process.execPath, [nodeGyp, 'configure', ...gyp]);
}
run('make', ['-C', 'build', '-s', '-j2', 'BUILDTYPE=Release', ...targets]);
