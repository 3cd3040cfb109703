import { describe, expect, test } from '@jest/globals';
import { allCallNames, architecturesOf, errorNumber } from '../../../../runtime/stage1/seccomp/architectures.ts';
import { plainFilter } from '../../../../runtime/stage1/seccomp/default-filter.ts';
import { defaultFilter, seccompFilter } from '../../../../runtime/stage1/seccomp/filter.ts';
import { callGroups } from '../../../../runtime/stage1/seccomp/groups.ts';
import { allowed, failed, killed, runFilter } from './bpf-machine.ts';

const [EPERM, ENOSYS, EACCES] = [1, 38, 13];
const sysAdmin = 1n << 21n;
const archs = new Map(
  ['x64', 'arm64'].flatMap((host) => architecturesOf(host).map((arch) => [arch.name, { host, ...arch }])),
);

type ArchName = 'x86_64' | 'i386' | 'aarch64';

/** What the filter of `set` says to a call of that name. */
function says(
  filter: Buffer | undefined,
  call: string | number,
  args: number[] = [],
  arch: ArchName = 'x86_64',
): number {
  const { audit, calls } = archs.get(arch) as { audit: number; calls: ReadonlyMap<string, number> };
  const nr = typeof call === 'number' ? call : (calls.get(call) as number);
  return runFilter(filter as Buffer, { nr, arch: audit, args });
}

const retain = (set: string[], errno?: string, host = 'x64') => seccompFilter({ mode: 'retain', set, errno }, 0n, host);
const remove = (set: string[], errno?: string, host = 'x64') => seccompFilter({ mode: 'remove', set, errno }, 0n, host);

describe('the tables', () => {
  test.each([
    ['x86_64', 'read', 0],
    ['x86_64', 'uretprobe', 335],
    ['x86_64', 'file_setattr', 469],
    ['i386', 'socketcall', 102],
    ['i386', 'clock_settime64', 404],
    ['aarch64', 'clone3', 435],
    ['aarch64', 'mmap', 222],
    ['aarch64', 'newfstatat', 79],
    ['aarch64', 'file_getattr', 468],
  ] as const)('%s: %s is %i', (arch, name, number) => {
    expect(archs.get(arch)?.calls.get(name)).toBe(number);
  });

  test.each([
    ['EPERM', 1],
    ['EWOULDBLOCK', 11],
    ['ENOTSUP', 95],
    ['EHWPOISON', 133],
    ['ENOSUCH', undefined],
  ])('the error %s is %p', (name, number) => {
    expect(errorNumber(name)).toBe(number);
  });

  test('every call of a group exists somewhere', () => {
    const known = allCallNames();
    for (const calls of callGroups.values()) expect(calls.filter((call) => !known.has(call))).toEqual([]);
  });
});

describe('the default filter', () => {
  test.each(['x64', 'arm64'])('is the one compiled ahead, on %s', (host) => {
    expect(plainFilter[host]).toBe(defaultFilter(0n, host).toString('base64'));
    expect(seccompFilter(undefined, 0n, host)?.toString('base64')).toBe(plainFilter[host]);
  });

  test.each(['x86_64', 'i386', 'aarch64'] as const)('lets programs run and keeps them from the host, on %s', (arch) => {
    const filter = defaultFilter(0n, archs.get(arch)?.host as string);
    for (const call of ['read', 'openat', 'execve', 'statx', 'rseq', 'openat2', 'futex_waitv']) {
      expect([call, says(filter, call, [], arch)]).toEqual([call, allowed]);
    }
    for (const call of ['mount', 'umount2', 'unshare', 'setns', 'ptrace', 'bpf', 'keyctl', 'reboot', 'settimeofday']) {
      expect([call, says(filter, call, [], arch)]).toEqual([call, failed(EPERM)]);
    }
    for (const call of ['clone3', 'fsopen', 'io_uring_setup', 'mount_setattr', 'listns']) {
      expect([call, says(filter, call, [], arch)]).toEqual([call, failed(ENOSYS)]);
    }
    expect(says(filter, 1000, [], arch)).toBe(failed(ENOSYS));
  });

  test('looks at arguments', () => {
    const filter = defaultFilter(0n, 'x64');
    expect(says(filter, 'clone', [0x01200011])).toBe(allowed);
    expect(says(filter, 'clone', [0x10000011])).toBe(failed(EPERM));
    expect(says(filter, 'personality', [0xffffffff])).toBe(allowed);
    expect(says(filter, 'personality', [0x0400000])).toBe(failed(EPERM));
    expect(says(filter, 'socket', [2, 1, 0])).toBe(allowed);
    expect(says(filter, 'socket', [40, 1, 0])).toBe(failed(EPERM));
    expect(says(filter, 'ioctl', [0, 0x5401])).toBe(allowed);
    expect(says(filter, 'ioctl', [0, 0x5412])).toBe(failed(EPERM));
  });

  test('follows the capabilities of the app', () => {
    const filter = seccompFilter(undefined, sysAdmin, 'x64');
    for (const call of ['mount', 'unshare', 'clone3', 'fsopen']) expect(says(filter, call)).toBe(allowed);
    expect(says(filter, 'clone', [0x10000011])).toBe(allowed);
    expect(says(filter, 'reboot')).toBe(failed(EPERM));
  });

  test('ends a process that calls by the rules of x32 or of an unknown architecture', () => {
    const filter = defaultFilter(0n, 'x64');
    expect(says(filter, 0x40000000)).toBe(killed);
    expect(says(filter, 520)).toBe(failed(ENOSYS));
    expect(says(filter, 0xffffffff)).toBe(allowed);
    expect(runFilter(filter, { nr: 0, arch: 0xc00000b7 })).toBe(killed);
    expect(runFilter(defaultFilter(0n, 'arm64'), { nr: 0, arch: 0x40000028 })).toBe(killed);
  });
});

describe('a retain set', () => {
  test('allows what it names and what starts and ends an app; everything else ends it', () => {
    const filter = retain(['read', 'write']);
    for (const call of ['read', 'write', 'execve', 'exit_group', 'rt_sigreturn'])
      expect(says(filter, call)).toBe(allowed);
    for (const call of ['open', 'mount', 'clone']) expect(says(filter, call)).toBe(killed);
    expect(says(filter, 'open', [], 'i386')).toBe(killed);
    expect(says(filter, 'read', [], 'i386')).toBe(allowed);
    expect(says(filter, 'clone3')).toBe(failed(ENOSYS));
    expect(says(filter, 999)).toBe(failed(ENOSYS));
  });

  test('gives the error that it names', () => {
    expect(says(retain(['read'], 'EACCES'), 'open')).toBe(failed(EACCES));
    expect(says(retain(['read'], 'ENOTSUP'), 'open')).toBe(failed(95));
  });

  test('guards what comes with a default list, not what it names itself', () => {
    expect(says(retain(['@rkt/default-whitelist']), 'clone', [0x10000000])).toBe(killed);
    expect(says(retain(['@rkt/default-whitelist', 'clone']), 'clone', [0x10000000])).toBe(allowed);
    expect(says(retain(['@docker/default-whitelist', 'umount2'], 'EPERM'), 'umount2')).toBe(allowed);
  });

  test('allows the one call for all sockets only where it allows all of them', () => {
    expect(says(retain(['socket', 'connect']), 'socketcall', [], 'i386')).toBe(killed);
    expect(says(retain(['@systemd/network-io']), 'socketcall', [], 'i386')).toBe(allowed);
    expect(says(retain(['socketcall']), 'socketcall', [], 'i386')).toBe(allowed);
  });

  test('with all calls is no filter', () => {
    expect(retain(['@appc.io/all', 'read'])).toBeUndefined();
  });

  test('of nothing is not empty by mistake', () => {
    expect(says(retain(['@appc.io/empty']), 'read')).toBe(killed);
  });
});

describe('a remove set', () => {
  test('blocks what it names, on every architecture, and nothing else', () => {
    const filter = remove(['socket', 'clock_settime'], 'ENOTSUP');
    expect(says(filter, 'socket')).toBe(failed(95));
    expect(says(filter, 'socket', [], 'i386')).toBe(failed(95));
    expect(says(filter, 'socketcall', [], 'i386')).toBe(failed(95));
    for (const call of ['mount', 'clone3', 'read', 9999]) expect(says(filter, call)).toBe(allowed);
    expect(says(remove(['socket'], undefined, 'arm64'), 'socket', [], 'aarch64')).toBe(killed);
  });

  test.each([
    ['chown', 'chown32'],
    ['clock_settime', 'clock_settime64'],
    ['settimeofday', 'stime'],
    ['futex', 'futex_time64'],
    ['select', '_newselect'],
    ['umount2', 'umount'],
    ['newfstatat', 'fstatat64'],
    ['mmap', 'mmap2'],
    ['accept', 'socketcall'],
    ['semop', 'ipc'],
  ])('of %s holds for %s, its form for 32-bit programs', (call, form) => {
    expect(says(remove([call]), form, [], 'i386')).toBe(killed);
    expect(says(remove(['mount']), form, [], 'i386')).toBe(allowed);
  });

  test('leaves newer calls of 64-bit programs alone, whose names look like another form', () => {
    expect(says(remove(['getdents']), 'getdents64')).toBe(allowed);
    expect(says(remove(['getdents']), 'getdents64', [], 'i386')).toBe(allowed);
  });

  test('does not let the numbers of x32 through', () => {
    const filter = remove(['ptrace']);
    expect(says(filter, 521)).toBe(failed(ENOSYS));
    expect(says(filter, 0x40000000 + 521)).toBe(killed);
  });

  test('with the blacklist blocks new namespaces as well', () => {
    const filter = remove(['@rkt/default-blacklist'], 'EPERM');
    expect(says(filter, 'mount')).toBe(failed(EPERM));
    expect(says(filter, 'clone', [0x20000])).toBe(failed(EPERM));
    expect(says(filter, 'clone', [0x11])).toBe(allowed);
    expect(says(filter, 'clone3')).toBe(failed(ENOSYS));
  });

  test('with the empty set is the default filter, with its error', () => {
    expect(remove(['@appc.io/empty', 'read'])?.equals(defaultFilter(0n, 'x64'))).toBe(true);
    expect(says(remove(['@appc.io/empty'], 'EACCES'), 'mount')).toBe(failed(EACCES));
  });
});

describe('what cannot be', () => {
  test.each([
    [['clock_setime'], 'seccomp: there is no system call "clock_setime"', 'did you mean "clock_settime"?'],
    [
      ['@rkt/default-witelist'],
      'seccomp: there is no group of system calls "@rkt/default-witelist"',
      'did you mean "@rkt/default-whitelist"?',
    ],
    [['zzzzzzzz'], 'seccomp: there is no system call "zzzzzzzz"', undefined],
  ])('%j', (set, message, hint) => {
    expect(() => retain(set)).toThrow(expect.objectContaining({ message, hint, code: 'EISOLATOR' }));
  });

  test('a call of another architecture is passed over', () => {
    expect(says(retain(['read', 's390_runtime_instr', 'arm_fadvise64_64']), 'read')).toBe(allowed);
  });

  test('an error that Linux does not have, and a set that leaves nothing', () => {
    expect(() => retain(['read'], 'ENOSUCH')).toThrow('seccomp: Linux has no error "ENOSUCH"');
    expect(() => remove(['@appc.io/all'])).toThrow(
      'seccomp: a set that removes "@appc.io/all" leaves an app nothing to run with',
    );
  });
});
