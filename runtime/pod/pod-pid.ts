/** Which process is the pod's PID 1, by what its stage1 has written (rkt's stage1 implementor's guide). */

import { readOptional } from '../base/files.ts';
import { podFiles } from '../base/paths.ts';

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
