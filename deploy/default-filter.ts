/**
 * Writes runtime/stage1/seccomp/default-filter.ts: the filter of an app that says nothing about system calls, compiled ahead,
 * because compiling costs 6 ms of the start of a pod. Run by hand after a change to runtime/stage1/seccomp/; a test
 * compares the two.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultFilter } from '../runtime/stage1/seccomp/filter.ts';

const wrapped = (text: string): string => (text.match(/.{1,110}/g) ?? []).map((line) => `    '${line}'`).join(' +\n');

const entry = (arch: string): string => `  ${arch}:\n${wrapped(defaultFilter(0n, arch).toString('base64'))},\n`;

writeFileSync(
  join(import.meta.dirname, '..', 'runtime', 'stage1', 'seccomp', 'default-filter.ts'),
  `/**
 * The default filter of an app without special capabilities, compiled ahead: base64 of \`struct sock_filter[]\` by the
 * host's architecture as node names it. Written by deploy/default-filter.ts; do not edit.
 */
export const plainFilter: Readonly<Record<string, string>> = {
${entry('x64')}${entry('arm64')}};
`,
);
