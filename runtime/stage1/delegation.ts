/**
 * Pods in a unit of systemd whose control groups are its own (`Delegate=` in systemd.resource-control(5)): their groups go below the
 * unit's, so that its limits hold for them, and its accounting and `systemctl status` have them. On cgroup v2 only.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { getXattr } from '../../native/fs.ts';

/** The group for what is the unit's and not a pod's; a group that hands controllers down can hold no processes itself (cgroups(7)). */
const leaf = 'supervisor';

/** By these systemd marks the groups that it leaves to others; the first is root's alone. */
const marks = ['trusted.delegate', 'user.delegate'];

/**
 * The group of the unit that this process runs in, below `mount` and beginning with a slash; undefined where it is in none that is
 * delegated. The process is moved out of the way, into a group below that.
 */
export function enterDelegation(mount: string): string | undefined {
  const own = ownGroup();
  if (own === undefined || own === '/') return undefined;
  if (isDelegated(`${mount}${own}`)) return moveTo(`${mount}${own}/${leaf}`) ? own : undefined;
  // As DelegateSubgroup= has it, or after the first pod of a script.
  const above = posix.dirname(own);
  return above !== '/' && isDelegated(`${mount}${above}`) ? above : undefined;
}

/** The group of this process in the unified hierarchy (proc_pid_cgroup(5)). */
function ownGroup(): string | undefined {
  return /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
}

function isDelegated(group: string): boolean {
  return marks.some((mark) => {
    try {
      return getXattr(group, mark).toString('latin1') === '1';
    } catch {
      return false;
    }
  });
}

/** False where somebody else is at work in the group, or it ends. */
function moveTo(group: string): boolean {
  try {
    mkdirSync(group, { recursive: true });
    writeFileSync(`${group}/cgroup.procs`, String(process.pid));
    return true;
  } catch {
    return false;
  }
}
