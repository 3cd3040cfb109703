/** Capability sets of apps (ace.md, os/linux/capabilities-*-set; numbers from linux/capability.h). */

import type { App } from '../appc/app.ts';
import { interpretIsolator } from '../appc/isolators.ts';
import { RktError } from '../base/errors.ts';

/** In the order of their numbers. */
const names = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const;

/** All that rkt knows, by number. */
export const capabilityNames: readonly string[] = names;

const bitOf = new Map<string, bigint>(names.map((name, number) => [name, 1n << BigInt(number)]));

/** What an app may have unless its manifest says otherwise. */
export const defaultCapabilities: bigint = capabilityBits([
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_NET_BIND_SERVICE',
  'CAP_SETUID',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETFCAP',
  'CAP_SYS_CHROOT',
]);

export const allCapabilities: bigint = (1n << BigInt(names.length)) - 1n;

/** The full name of a capability that people write without `CAP_` or in small letters. */
export const capabilityName = (text: string): string => `CAP_${text.toUpperCase().replace(/^CAP_/, '')}`;

/** Bit N is capability N. Errors: EMANIFEST for a name that Linux does not have. */
export function capabilityBits(set: readonly string[]): bigint {
  let bits = 0n;
  for (const name of set) {
    const bit = bitOf.get(name);
    if (bit === undefined) throw new RktError(`capability "${name}" does not exist`, { code: 'EMANIFEST' });
    bits |= bit;
  }
  return bits;
}

/** The bounding set of an app: its retain set, or the default set less its remove set. */
export function boundingSet(app: App): bigint {
  let bits = defaultCapabilities;
  for (const isolator of app.isolators) {
    const known = interpretIsolator(isolator);
    if (known?.kind !== 'capabilities') continue;
    const set = capabilityBits(known.set);
    bits = known.mode === 'retain' ? set : defaultCapabilities & ~set;
  }
  return bits;
}

/** Whether the app must never gain privileges (ace.md, os/linux/no-new-privileges); the last one counts. */
export function noNewPrivileges(app: App): boolean {
  let enabled = false;
  for (const isolator of app.isolators) {
    const known = interpretIsolator(isolator);
    if (known?.kind === 'no-new-privileges') enabled = known.enabled;
  }
  return enabled;
}
