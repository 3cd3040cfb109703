/** Which process is the pod's PID 1, by what its stage1 has written (rkt's stage1 implementor's guide). */

import { readFileSync } from 'node:fs';
import { errnoOf } from '../base/errors.ts';
import { podFiles } from '../base/paths.ts';

function readOptional(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // A process that has ended while it is being looked at.
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}

function numberIn(text: string): number {
  const match = /^([1-9][0-9]{0,9})\n?$/.exec(text);
  if (match === null) throw new TypeError('it holds no number');
  return Number(match[1]);
}

/**
 * Host PID of the pod's PID 1: what `pid` says, or the only child of the process that `ppid` names. Undefined where stage1 has
 * not come that far. Throws where the file holds no number.
 */
export function podPid(dir: string): number | undefined {
  const pid = readOptional(podFiles.pid(dir));
  if (pid !== undefined) return numberIn(pid);
  const parentText = readOptional(podFiles.ppid(dir));
  if (parentText === undefined) return undefined;
  const parent = numberIn(parentText);
  const children = readOptional(`/proc/${parent}/task/${parent}/children`)?.trim().split(' ') ?? [];
  return children.length === 1 && children[0] !== '' ? numberIn(children[0] as string) : undefined;
}
