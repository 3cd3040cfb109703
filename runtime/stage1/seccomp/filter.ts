/**
 * From what an image or the user says about system calls to the filter that the kernel runs (ace.md,
 * os/linux/seccomp-*-set; rkt's seccomp guide).
 */

import { RktError } from '../../base/errors.ts';
import { nearest } from '../../base/nearest.ts';
import { type Architecture, allCallNames, architecturesOf, errorNumber } from './architectures.ts';
import {
  type ArchitectureRules,
  compileFilter,
  maxInstructions,
  type Rule,
  type Segment,
  type Verdict,
} from './bpf.ts';
import { commonName, multiplexers } from './compat-calls.ts';
import { callGroups } from './groups.ts';
import { callsOfCapabilities, guardedCalls, guardOf } from './guards.ts';

/** The isolator of an app; undefined: it says nothing and gets the default filter. */
export interface SeccompRequest {
  readonly mode: 'retain' | 'remove';
  readonly set: readonly string[];
  /** Name of the error that a blocked call gives; undefined: the app is ended by SIGSYS. */
  readonly errno: string | undefined;
}

const allow: Verdict = { kind: 'allow' };
const kill: Verdict = { kind: 'kill' };
const errno = (name: string): Verdict => ({ kind: 'errno', errno: errorNumber(name) as number });

/** What every app needs to be started and to end, whatever its set retains (ace.md: the minimum set of the life-cycle). */
const lifeCycle = ['execve', 'exit', 'exit_group', 'rt_sigreturn', 'sigreturn', 'restart_syscall'];

/** Calls that older kernels do not have: programs fall back to other ones where these are missing. From Linux 5.1 on. */
const firstModern = 424;

/** 64-bit numbers below this bit; above are those of x32, which is not let through. */
const x32Bit = 0x40000000;
/** Numbers of x32 that some kernels take without the bit as well. */
const x32Numbers = { from: 512, to: 548 };

/** A set of names, told apart by whether they were named or came with a default list. */
interface CallSet {
  readonly named: ReadonlySet<string>;
  readonly guarded: ReadonlySet<string>;
}

/** The rule of a call by its name and number; without a name, of numbers that rkt does not know. */
type Policy = (name: string | undefined, number: number) => Rule;

function badSet(message: string, hint?: string): RktError {
  return new RktError(`seccomp: ${message}`, { code: 'EISOLATOR', ...(hint === undefined ? {} : { hint }) });
}

/** Replaces groups by what they hold. Errors: EISOLATOR for what is neither a call of any architecture nor a group. */
function expand(set: readonly string[]): CallSet {
  const named = new Set<string>();
  const guarded = new Set<string>();
  const known = allCallNames();
  for (const word of set) {
    if (word === '@appc.io/all' || word === '@appc.io/empty') continue;
    const group = callGroups.get(word);
    if (group === undefined && !known.has(word)) throw unknownWord(word, known);
    const target = /^@(rkt|docker)\//.test(word) ? guarded : named;
    for (const call of group ?? [word]) target.add(call);
  }
  return { named, guarded };
}

function unknownWord(word: string, known: ReadonlySet<string>): RktError {
  const isGroup = word.startsWith('@');
  const near = nearest(word, isGroup ? ['@appc.io/all', '@appc.io/empty', ...callGroups.keys()] : known);
  const what = isGroup ? 'group of system calls' : 'system call';
  return badSet(`there is no ${what} "${word}"`, near === undefined ? undefined : `did you mean "${near}"?`);
}

/**
 * `clone3` takes its flags where a filter cannot look. Unless a set names it, it does not exist: the C library then
 * uses `clone`, of which the flags are seen.
 */
const missing = errno('ENOSYS');

function retainPolicy({ named, guarded }: CallSet, blocked: (number: number) => Verdict): Policy {
  const allowed = new Set([...named, ...guarded, ...lifeCycle]);
  // One that is many in one is allowed where all of them are.
  const isAllowed = (name: string): boolean =>
    allowed.has(name) && (multiplexers.get(name)?.every((call) => allowed.has(call)) ?? true);
  return (name, number) => {
    if (name === undefined) return missing;
    if (named.has(name)) return allow;
    if (guarded.has(name) && guardedCalls.has(name)) return guardOf(name, blocked(number));
    if (isAllowed(name)) return allow;
    return name === 'clone3' ? missing : blocked(number);
  };
}

/** `native` has the names of the host's 64-bit calls. */
function removePolicy({ named, guarded }: CallSet, blocked: Verdict, native: ReadonlyMap<string, number>): Policy {
  const removed = new Set([...named, ...guarded]);
  // One that is many in one is removed with any of them; another form of a call, with that.
  const isRemoved = (name: string): boolean =>
    removed.has(name) ||
    (multiplexers.get(name)?.some((call) => removed.has(call)) ?? false) ||
    (!native.has(name) && removed.has(commonName(name)));
  return (name, number) => {
    if (name === undefined) return number >= x32Numbers.from && number < x32Numbers.to ? missing : allow;
    if (named.has(name)) return blocked;
    if (guarded.has(name) && name === 'clone') return guardOf(name, blocked);
    if (guarded.has(name) && name === 'clone3') return missing;
    return isRemoved(name) ? blocked : allow;
  };
}

/** The rules of one architecture: every number that has a name, and one rule for the numbers between and above. */
function rulesOf({ name: arch, audit, calls }: Architecture, policy: Policy): ArchitectureRules {
  const segments: Segment[] = [];
  let next = 0;
  const gap = (to: number): void => {
    if (to > next) segments.push({ from: next, rule: policy(undefined, next) });
  };
  for (const [name, number] of [...calls].sort((a, b) => a[1] - b[1])) {
    if (number < next) continue; // another name of the call before it
    gap(number);
    segments.push({ from: number, rule: policy(name, number) });
    next = number + 1;
  }
  if (arch !== 'x86_64') return { audit, segments: [...segments, { from: next, rule: policy(undefined, next) }] };
  for (const to of [x32Numbers.from, x32Numbers.to, x32Bit]) {
    gap(to);
    next = to;
  }
  // All bits set is no call at all: a tracer has skipped it.
  segments.push({ from: x32Bit, rule: kill }, { from: 0xffffffff, rule: allow });
  return { audit, segments };
}

function compile(policy: Policy, architectures: readonly Architecture[]): Buffer {
  const program = compileFilter(architectures.map((architecture) => rulesOf(architecture, policy)));
  if (program.length > maxInstructions * 8) throw badSet('the filter would be longer than the kernel allows');
  return program;
}

/**
 * The filter for an app that says nothing: what ordinary programs need, and what its capabilities are for. What it blocks gives
 * EPERM; calls from Linux 5.1 on give ENOSYS, which makes programs fall back to older ones (docs/decisions/035).
 */
export function defaultFilter(capabilities: bigint, arch: string, error?: string): Buffer {
  const guarded = new Set(callGroups.get('@rkt/default-whitelist'));
  const named = new Set(callsOfCapabilities(capabilities));
  const [given, old] = [error === undefined ? undefined : blockedBy(error), errno('EPERM')];
  const policy = retainPolicy({ named, guarded }, (number) => given ?? (number < firstModern ? old : missing));
  return compile(policy, architecturesOf(arch));
}

function blockedBy(error: string | undefined): Verdict {
  if (error === undefined) return kill;
  if (errorNumber(error) === undefined) throw badSet(`Linux has no error "${error}"`);
  return errno(error);
}

/**
 * The filter that an app gets: an array of `struct sock_filter`, or undefined where it wants none. `capabilities` is its bounding
 * set, `arch` the host's as node names it. Errors: EISOLATOR for names that do not exist and sets that leave nothing.
 */
export function seccompFilter(
  request: SeccompRequest | undefined,
  capabilities: bigint,
  arch: string,
): Buffer | undefined {
  if (request === undefined) return defaultFilter(capabilities, arch);
  const { mode, set, errno: error } = request;
  const blocked = blockedBy(error);
  const calls = expand(set);
  if (mode === 'retain' && set.includes('@appc.io/all')) return undefined;
  if (mode === 'remove' && set.includes('@appc.io/empty')) return defaultFilter(capabilities, arch, error);
  if (set.includes('@appc.io/all')) throw badSet('a set that removes "@appc.io/all" leaves an app nothing to run with');
  const architectures = architecturesOf(arch);
  const native = (architectures[0] as Architecture).calls;
  const policy = mode === 'retain' ? retainPolicy(calls, () => blocked) : removePolicy(calls, blocked, native);
  return compile(policy, architectures);
}
