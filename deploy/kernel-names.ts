/**
 * Writes runtime/stage1/seccomp/kernel-names.ts: the numbers of system calls and errors, read from the headers that the C
 * library is built with (linux-libc-dev). Run by hand when a kernel has new calls: `node deploy/kernel-names.ts`, then
 * `node deploy/default-filter.ts`.
 *
 * Since Linux 5.1 a new call has one number on all architectures, so those that are newer than the headers at hand are
 * added from the list below.
 */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** From 451 on, by kernel version; the numbers follow one another. */
const since451 = [
  ...['cachestat', 'fchmodat2', 'map_shadow_stack'], // 6.5, 6.6
  ...['futex_wake', 'futex_wait', 'futex_requeue'], // 6.7
  ...['statmount', 'listmount', 'lsm_get_self_attr', 'lsm_set_self_attr', 'lsm_list_modules'], // 6.8
  ...['mseal'], // 6.10
  ...['setxattrat', 'getxattrat', 'listxattrat', 'removexattrat'], // 6.13
  ...['open_tree_attr'], // 6.15
  ...['file_getattr', 'file_setattr'], // 6.17
  ...['listns'], // 6.19
];

/** x86-64 has two calls in the gap before the common numbers that only the kernel's own trampolines make (6.11, 6.18). */
const onX8664 = new Map([
  ['uretprobe', 335],
  ['uprobe', 336],
]);

/** What 64-bit ARM asks of the generic table (arch/arm64/include/asm/unistd.h). */
const aarch64 = [
  ...['RENAMEAT', 'NEW_STAT', 'SET_GET_RLIMIT', 'TIME32_SYSCALLS', 'SYS_CLONE3', 'MEMFD_SECRET'].map(
    (option) => `#define __ARCH_WANT_${option}`,
  ),
  '#define __BITS_PER_LONG 64',
  '#include <asm-generic/unistd.h>',
].join('\n');

/** Macros that a piece of C defines, by name, with their values as the preprocessor leaves them. */
function macrosOf(source: string): Map<string, string> {
  const text = execFileSync('gcc', ['-E', '-dM', '-x', 'c', '-'], { input: `${source}\n`, encoding: 'utf8' });
  return new Map(
    [...text.matchAll(/^#define (\w+) +(\S+)$/gm)].map(([, name, value]) => [name as string, value as string]),
  );
}

function numbersOf(source: string, prefix: string): Map<string, number> {
  const macros = macrosOf(source);
  const found = new Map<string, number>();
  for (const [macro, first] of macros) {
    let value: string | undefined = first;
    for (let hops = 0; hops < 4 && value !== undefined && !/^\d+$/.test(value); hops++) value = macros.get(value);
    if (macro.startsWith(prefix) && value !== undefined) found.set(macro.slice(prefix.length), Number(value));
  }
  return found;
}

function callsOf(source: string, extra: ReadonlyMap<string, number> = new Map()): Map<string, number> {
  const calls = numbersOf(source, '__NR_');
  for (const name of ['syscalls', 'arch_specific_syscall']) calls.delete(name);
  since451.forEach((name, index) => {
    calls.set(name, 451 + index);
  });
  for (const [name, number] of extra) calls.set(name, number);
  return calls;
}

/** `NUMBER NAME NAME …`: a name without a number before it has the next one. */
function compact(calls: ReadonlyMap<string, number>): string {
  const words: string[] = [];
  let next = -1;
  for (const [name, number] of [...calls].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))) {
    if (number !== next) words.push(String(number));
    words.push(name);
    next = number + 1;
  }
  return words.join(' ');
}

const fields: readonly (readonly [string, string])[] = [
  ['x8664Calls', compact(callsOf('#include <asm/unistd_64.h>', onX8664))],
  ['i386Calls', compact(callsOf('#include <asm/unistd_32.h>'))],
  ['aarch64Calls', compact(callsOf(aarch64))],
  [
    'errors',
    compact(new Map([...numbersOf('#include <asm-generic/errno.h>', 'E')].map(([name, n]) => [`E${name}`, n]))),
  ],
];

/** Lines of at most 118 characters, as the formatter would leave them. */
function wrapped(text: string): string {
  const lines = text.match(/.{1,100}(?: |$)/g) ?? [];
  return lines.map((line) => `  ${JSON.stringify(line).replaceAll('"', "'")}`).join(' +\n');
}

const out = join(import.meta.dirname, '..', 'runtime', 'stage1', 'seccomp', 'kernel-names.ts');
writeFileSync(
  out,
  `/**
 * Numbers of system calls and errors, up to Linux 6.19. Written by deploy/kernel-names.ts; do not edit.
 * \`NUMBER NAME NAME …\`: a name without a number before it has the next one.
 */

${fields.map(([name, text]) => `export const ${name} =\n${wrapped(text)};\n`).join('\n')}`,
);
