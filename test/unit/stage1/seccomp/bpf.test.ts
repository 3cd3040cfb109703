import { describe, expect, test } from '@jest/globals';
import { compileFilter, type Rule, type Segment, type Verdict } from '../../../../runtime/stage1/seccomp/bpf.ts';
import { allowed, failed, killed, runFilter } from './bpf-machine.ts';

/** Repeatable chance (mulberry32). */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) % below;
  };
}

const verdictValue = (verdict: Verdict): number =>
  verdict.kind === 'allow' ? allowed : verdict.kind === 'kill' ? killed : failed(verdict.errno);

function expected(rule: Rule, args: readonly number[]): number {
  if (rule.kind !== 'argument') return verdictValue(rule);
  const value = args[rule.index] as number;
  const { test } = rule;
  const hit = 'bits' in test ? (value & test.bits) !== 0 : test.equals.some((one) => one >>> 0 === value >>> 0);
  return verdictValue(hit ? rule.hit : rule.miss);
}

function randomRules(random: (below: number) => number, count: number): Segment[] {
  const verdict = (): Verdict => {
    const kind = random(3);
    return kind === 0 ? { kind: 'allow' } : kind === 1 ? { kind: 'kill' } : { kind: 'errno', errno: 1 + random(130) };
  };
  let from = 0;
  return Array.from({ length: count }, (_, index) => {
    from += index === 0 ? 0 : 1 + random(4);
    const plain = random(6) !== 0;
    const test =
      random(2) === 0 ? { bits: 1 << random(31) } : { equals: Array.from({ length: 1 + random(5) }, () => random(9)) };
    return {
      from,
      rule: plain ? verdict() : { kind: 'argument', index: random(6), test, hit: verdict(), miss: verdict() },
    };
  });
}

describe('a compiled filter', () => {
  test.each(Array.from({ length: 60 }, (_, seed) => seed))('says what its rules say (seed %i)', (seed) => {
    const random = chance(seed);
    const architectures = Array.from({ length: 1 + random(3) }, (_, index) => ({
      audit: 0x40000000 + index,
      segments: randomRules(random, 1 + random(seed % 10 === 0 ? 900 : 120)),
    }));
    const program = compileFilter(architectures);
    expect(program.length % 8).toBe(0);
    for (const { audit, segments } of architectures) {
      const highest = (segments.at(-1) as Segment).from;
      const numbers = [...Array.from({ length: 150 }, () => random(highest + 5)), 0, highest, 0x40000001, 0xffffffff];
      for (const nr of numbers) {
        const args = Array.from({ length: 6 }, () => random(9));
        const { rule } = segments.findLast(({ from }) => from <= nr) as Segment;
        expect(runFilter(program, { nr, arch: audit, args })).toBe(expected(rule, args));
      }
    }
    expect(runFilter(program, { nr: 0, arch: 0x77777777 })).toBe(killed);
  });

  test('takes a number of steps that grows with the logarithm of its rules', () => {
    const segments = Array.from(
      { length: 512 },
      (_, from): Segment => ({ from, rule: { kind: 'errno', errno: 1 + (from % 2) } }),
    );
    // Two loads, the architecture, nine halvings and a return, with a long jump each at most.
    const program = compileFilter([{ audit: 1, segments }]);
    expect(stepsOf(program, 300)).toBeLessThanOrEqual(24);
  });
});

function stepsOf(program: Buffer, nr: number): number {
  let steps = 0;
  const counting = new Proxy(program, {
    get: (target, name) => {
      const value = Reflect.get(target, name) as unknown;
      if (name === 'readUInt16LE') steps++;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  runFilter(counting, { nr, arch: 1 });
  return steps;
}
