/**
 * Calls that the default lists allow or forbid by their arguments: what ordinary programs do with them is let through, what
 * reaches out of the pod is not. A set that names such a call itself means all of it.
 */

import type { Rule, Verdict } from './bpf.ts';

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (sched.h). */
const namespaceFlags = 0x7e020000;
/** Linux, 32-bit, without random addresses, both, and the question which it is (personality(2)). */
const personalities = [0x0000, 0x0008, 0x20000, 0x20008, 0xffffffff];
/** AF_VSOCK leads to the hypervisor, past every network namespace. */
const hypervisorSockets = 40;
/** TIOCSTI and TIOCLINUX put words into the mouth of whoever sits at the terminal. */
const typingRequests = [0x5412, 0x541c];

export const guardedCalls: ReadonlySet<string> = new Set(['clone', 'personality', 'socket', 'ioctl']);

/** The rule for a guarded call: harmless uses are allowed, others get `blocked`. */
export function guardOf(call: string, blocked: Verdict): Rule {
  const allow: Verdict = { kind: 'allow' };
  switch (call) {
    case 'clone':
      return { kind: 'argument', index: 0, test: { bits: namespaceFlags }, hit: blocked, miss: allow };
    case 'personality':
      return { kind: 'argument', index: 0, test: { equals: personalities }, hit: allow, miss: blocked };
    case 'socket':
      return { kind: 'argument', index: 0, test: { equals: [hypervisorSockets] }, hit: blocked, miss: allow };
    case 'ioctl':
      return { kind: 'argument', index: 1, test: { equals: typingRequests }, hit: blocked, miss: allow };
    default:
      return allow;
  }
}

/** Calls that a capability is there for: the default filter lets them through where the app has it. */
const byCapability: readonly (readonly [capability: number, calls: string])[] = [
  [2, 'open_by_handle_at name_to_handle_at'], // CAP_DAC_READ_SEARCH
  [16, 'init_module finit_module delete_module'], // CAP_SYS_MODULE
  [17, 'iopl ioperm'], // CAP_SYS_RAWIO
  [19, 'kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace'], // CAP_SYS_PTRACE
  [20, 'acct'], // CAP_SYS_PACCT
  [
    21, // CAP_SYS_ADMIN
    'bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree ' +
      'open_tree_attr perf_event_open pivot_root quotactl quotactl_fd setdomainname sethostname setns umount umount2 unshare',
  ],
  [22, 'reboot'], // CAP_SYS_BOOT
  [23, 'get_mempolicy mbind migrate_pages move_pages process_madvise set_mempolicy set_mempolicy_home_node'], // CAP_SYS_NICE
  [25, 'adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64 settimeofday stime'], // CAP_SYS_TIME
  [26, 'vhangup'], // CAP_SYS_TTY_CONFIG
  [38, 'perf_event_open'], // CAP_PERFMON
  [39, 'bpf'], // CAP_BPF
];

const extended: bigint = byCapability.reduce((bits, [capability]) => bits | (1n << BigInt(capability)), 0n);

/** Whether the default filter is the same as without any capability. */
export const isPlainSet = (capabilities: bigint): boolean => (capabilities & extended) === 0n;

/** The calls that go with a set of capabilities; bit N is capability N. */
export function callsOfCapabilities(capabilities: bigint): string[] {
  return byCapability.flatMap(([capability, calls]) =>
    (capabilities & (1n << BigInt(capability))) === 0n ? [] : calls.split(' '),
  );
}
