/**
 * Calls of 32-bit x86 programs that do what a call of another name does on the 64-bit side. A set that removes a call by the
 * name that everybody knows means these as well.
 */

/** Calls that are many in one, and what they can be. The arguments lie in memory, where a filter cannot look. */
export const multiplexers: ReadonlyMap<string, readonly string[]> = new Map([
  [
    'socketcall',
    (
      'socket bind connect listen accept accept4 getsockname getpeername socketpair sendto sendmsg sendmmsg recvfrom ' +
      'recvmsg recvmmsg shutdown setsockopt getsockopt'
    ).split(' '),
  ],
  ['ipc', 'semop semtimedop semget semctl msgsnd msgrcv msgget msgctl shmat shmdt shmget shmctl'.split(' ')],
]);

/** Forms that their names do not tell. */
const others = new Map([
  ['mmap2', 'mmap'],
  ['umount', 'umount2'],
  ['waitpid', 'wait4'],
  ['stime', 'settimeofday'],
  ['nice', 'setpriority'],
  ['ugetrlimit', 'getrlimit'],
  ['fstatat64', 'newfstatat'],
  ['readdir', 'getdents'],
  ['signal', 'rt_sigaction'],
  ['sigaction', 'rt_sigaction'],
  ['sigprocmask', 'rt_sigprocmask'],
  ['sigpending', 'rt_sigpending'],
  ['sigsuspend', 'rt_sigsuspend'],
  ['oldstat', 'stat'],
  ['oldfstat', 'fstat'],
  ['oldlstat', 'lstat'],
  ['olduname', 'uname'],
  ['oldolduname', 'uname'],
]);

/**
 * The name on the 64-bit side of what a call with a name of its own does: of `chown32`, `clock_settime64`, `futex_time64`,
 * `_newselect`, `mmap2`.
 */
export function commonName(name: string): string {
  return others.get(name) ?? name.replace(/_time64$|32$|64$/, '').replace(/^_(new)?/, '');
}
