/** Native sources as programs that stop at undefined behaviour. */

import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';

const root = dirname(dirname(import.meta.dirname));
const flags = ['-std=gnu17', '-g', '-O1', '-D_GNU_SOURCE', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

/** Builds `program` under the address and undefined-behaviour sanitizers. Paths in `more`, sources and flags of gcc, are from the root. */
export function buildSanitized(
  program: string,
  more: readonly string[],
): { readonly status: number | null; readonly stderr: string } {
  const { status, stderr } = spawnSync('gcc', [...flags, '-Inative/src', '-o', program, ...more], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, stderr };
}
