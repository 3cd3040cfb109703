/**
 * The system calls of the architectures that rkt runs on, by name and number. A 64-bit x86 kernel runs 32-bit programs as
 * well, with other numbers for the same calls; a filter that did not speak of those would be walked around.
 */

import { aarch64Calls, errors, i386Calls, x8664Calls } from './kernel-names.ts';

export interface Architecture {
  readonly name: 'x86_64' | 'i386' | 'aarch64';
  /** AUDIT_ARCH_* of linux/audit.h, as `seccomp_data.arch` has it. */
  readonly audit: number;
  /** Number by name. */
  readonly calls: ReadonlyMap<string, number>;
}

/** Reads `NUMBER NAME NAME …`. */
function parseNumbers(text: string): Map<string, number> {
  const numbers = new Map<string, number>();
  let next = 0;
  for (const word of text.split(' ')) {
    const first = word.charCodeAt(0);
    if (first >= 0x30 && first <= 0x39) next = Number(word);
    else numbers.set(word, next++);
  }
  return numbers;
}

const make = {
  x86_64: (): Architecture => ({ name: 'x86_64', audit: 0xc000003e, calls: parseNumbers(x8664Calls) }),
  i386: (): Architecture => ({ name: 'i386', audit: 0x40000003, calls: parseNumbers(i386Calls) }),
  aarch64: (): Architecture => ({ name: 'aarch64', audit: 0xc00000b7, calls: parseNumbers(aarch64Calls) }),
};

/** Those that programs of this host may be made for, its own first. `arch` is as node names it. */
export function architecturesOf(arch: string): readonly Architecture[] {
  return arch === 'arm64' ? [make.aarch64()] : [make.x86_64(), make.i386()];
}

/** Calls of architectures that rkt does not run on; images written for several name them. */
const foreignCalls =
  'arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls get_tls usr26 usr32 sync_file_range2 ' +
  'pciconfig_iobase pciconfig_read pciconfig_write recv send s390_guarded_storage s390_pci_mmio_read ' +
  's390_pci_mmio_write s390_runtime_instr s390_sthyi spu_create spu_run rtas subpage_prot switch_endian swapcontext ' +
  'sys_debug_setcontext multiplexer sysmips cachectl memory_ordering utrap_install getdomainname kern_features perfctr ' +
  'riscv_flush_icache riscv_hwprobe timerfd fstatat64 llseek getunwind osf_getsysinfo osf_setsysinfo';

/** Every name that is a system call somewhere. */
export function allCallNames(): Set<string> {
  const names = new Set(foreignCalls.split(' '));
  for (const arch of [make.x86_64(), make.i386(), make.aarch64()])
    for (const name of arch.calls.keys()) names.add(name);
  return names;
}

const errorNumbers = parseNumbers(errors);

/** The number of an error by its name; undefined where Linux has none of that name. The same on all architectures above. */
export function errorNumber(name: string): number | undefined {
  return errorNumbers.get(name === 'ENOTSUP' ? 'EOPNOTSUPP' : name);
}
