/** Programs for socket activation: the part of the service manager, and that of a server. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

function build(name: string, output: string): void {
  const { status, stderr } = spawnSync(
    'gcc',
    ['-static', '-O1', '-o', output, join(import.meta.dirname, `${name}.c`)],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(`building the test's program ${name}: ${stderr}`);
}

/** Builds what opens sockets and executes a program with them; see activate.c. */
export const makeActivate = (output: string): void => build('activate', output);

/** Builds a server that expects sockets; see activated.c. */
export const makeActivated = (output: string): void => build('activated', output);

/** Builds what takes IPv6 from a program; see without-ipv6.c. */
export const makeWithoutIpv6 = (output: string): void => build('without-ipv6', output);
