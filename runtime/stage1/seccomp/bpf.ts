/**
 * Compiles rules about system calls to a program for the kernel's classic BPF machine (seccomp(2), linux/filter.h). The
 * call's number is looked for by halving the range, so that a rule costs what its logarithm costs, and equal rules for
 * neighbouring numbers are one.
 */

import { encodeProgram, type Instruction, opcode } from '../../base/classic-bpf.ts';

/** What happens to a call. */
export type Verdict =
  | { readonly kind: 'allow' }
  | { readonly kind: 'kill' }
  | { readonly kind: 'errno'; readonly errno: number };

/** Decides by one argument, of which the lower 32 bits are looked at, as the kernel does for arguments of these types. */
export interface ArgumentRule {
  readonly kind: 'argument';
  readonly index: number;
  /** `bits`: any of these bits is set. `equals`: the argument is one of these values. */
  readonly test: { readonly bits: number } | { readonly equals: readonly number[] };
  readonly hit: Verdict;
  readonly miss: Verdict;
}

export type Rule = Verdict | ArgumentRule;

/** The rule for all numbers from `from` up to the next segment. */
export interface Segment {
  readonly from: number;
  readonly rule: Rule;
}

export interface ArchitectureRules {
  readonly audit: number;
  /** Ascending; the first is from 0, the last goes to 2^32 - 1. */
  readonly segments: readonly Segment[];
}

/** The kernel takes no longer ones (BPF_MAXINSNS). */
export const maxInstructions = 4096;

// struct seccomp_data: int nr; __u32 arch; __u64 instruction_pointer; __u64 args[6]. Both architectures are little-endian.
const numberOffset = 0;
const architectureOffset = 4;
const argumentOffset = (index: number): number => 16 + 8 * index;

const returnValue = (verdict: Verdict): number => {
  switch (verdict.kind) {
    case 'allow':
      return 0x7fff0000;
    case 'kill':
      // SECCOMP_RET_KILL_PROCESS: the whole process ends, as if by SIGSYS.
      return 0x80000000;
    case 'errno':
      return 0x00050000 | verdict.errno;
  }
};

/**
 * Puts a program together from its end to its beginning: jumps only lead forward, so every target is there when a jump to it
 * is made. Places are counted from the end.
 */
class Assembler {
  /** From the last to the first. */
  readonly #instructions: Instruction[] = [];
  readonly #returns = new Map<number, number>();

  #emit(code: number, yes: number, no: number, operand: number): number {
    return this.#instructions.push([code, yes, no, operand]) - 1;
  }

  /** How many instructions lie between the next one and the one at `place`. */
  #distance(place: number): number {
    return this.#instructions.length - place - 1;
  }

  load(offset: number): number {
    return this.#emit(opcode.loadWord, 0, 0, offset);
  }

  verdict(verdict: Verdict): number {
    const value = returnValue(verdict);
    const known = this.#returns.get(value);
    if (known !== undefined) return known;
    const place = this.#emit(opcode.giveBack, 0, 0, value);
    this.#returns.set(value, place);
    return place;
  }

  /** A conditional jump reaches 255 instructions far; what lies further is reached by a jump that always happens. */
  branch(code: number, operand: number, yes: number, no: number): number {
    // The second of two such jumps lengthens the way to the first by one.
    const noPlace = this.#distance(no) > 254 ? this.#emit(opcode.jump, 0, 0, this.#distance(no)) : no;
    const yesPlace = this.#distance(yes) > 255 ? this.#emit(opcode.jump, 0, 0, this.#distance(yes)) : yes;
    return this.#emit(code, this.#distance(yesPlace), this.#distance(noPlace), operand);
  }

  /** Makes sure that what comes next goes on at `place`. */
  goTo(place: number): void {
    if (this.#distance(place) !== 0) this.#emit(opcode.jump, 0, 0, this.#distance(place));
  }

  finish(): Buffer {
    return encodeProgram(this.#instructions.toReversed());
  }
}

function assembleRule(out: Assembler, rule: Rule): number {
  if (rule.kind !== 'argument') return out.verdict(rule);
  const yes = out.verdict(rule.hit);
  let place = out.verdict(rule.miss);
  const { test } = rule;
  if ('bits' in test) place = out.branch(opcode.jumpBits, test.bits, yes, place);
  else for (const value of test.equals) place = out.branch(opcode.jumpEqual, value, yes, place);
  out.goTo(place);
  return out.load(argumentOffset(rule.index));
}

/** The rules of `segments` from `low` to before `high`, by halving. */
function assembleTree(out: Assembler, segments: readonly Segment[], low: number, high: number): number {
  if (high - low === 1) return assembleRule(out, (segments[low] as Segment).rule);
  const middle = (low + high) >> 1;
  const above = assembleTree(out, segments, middle, high);
  const below = assembleTree(out, segments, low, middle);
  return out.branch(opcode.jumpAtLeast, (segments[middle] as Segment).from, above, below);
}

/** Neighbours with the same verdict become one. */
function merged(segments: readonly Segment[]): Segment[] {
  const result: Segment[] = [];
  let last: number | undefined;
  for (const segment of segments) {
    const value = segment.rule.kind === 'argument' ? undefined : returnValue(segment.rule);
    if (value === undefined || value !== last) result.push(segment);
    last = value;
  }
  return result;
}

/** The program for these architectures; a call by the rules of any other one ends the process. */
export function compileFilter(architectures: readonly ArchitectureRules[]): Buffer {
  const out = new Assembler();
  let place = out.verdict({ kind: 'kill' });
  const starts = architectures.map(({ audit, segments }) => {
    const parts = merged(segments);
    out.goTo(assembleTree(out, parts, 0, parts.length));
    return { audit, start: out.load(numberOffset) };
  });
  for (const { audit, start } of starts.reverse()) place = out.branch(opcode.jumpEqual, audit, start, place);
  out.goTo(place);
  out.load(architectureOffset);
  return out.finish();
}
