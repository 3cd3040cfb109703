/**
 * Who can write a file can trust a key. Only root may, the user that runs rkt, and the group `rkt-admin`, to which rkt 1.x gives
 * /etc/rkt (mode 2775).
 */

import { readFileSync, type Stats } from 'node:fs';

let admin: number | undefined;
let adminKnown = false;

/** Numeric id of the group `rkt-admin`, where there is one. */
function adminGroup(): number | undefined {
  if (adminKnown) return admin;
  adminKnown = true;
  try {
    const id = /^rkt-admin:[^:]*:(\d+):/m.exec(readFileSync('/etc/group', 'utf8'))?.[1];
    admin = id === undefined ? undefined : Number(id);
  } catch {
    // No group file, no group.
  }
  return admin;
}

/** Why a file or directory must not be believed; undefined where it may. */
export function distrust({ uid, gid, mode }: Pick<Stats, 'uid' | 'gid' | 'mode'>): string | undefined {
  const byAdmins = gid === adminGroup();
  if ((mode & 0o002) !== 0) return 'everyone can write it';
  if ((mode & 0o020) !== 0 && gid !== 0 && !byAdmins) return `group ${gid} can write it`;
  if (uid !== 0 && uid !== process.geteuid?.() && !byAdmins) return `it belongs to user ${uid}`;
  return undefined;
}
