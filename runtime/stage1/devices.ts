/** Device nodes, and rules about which may be opened, in the words of both cgroup versions. Pure but for {@link deviceAt}. */

import { lstatSync } from 'node:fs';
import { errnoOf } from '../base/errors.ts';

export interface Device {
  readonly type: 'b' | 'c';
  readonly major: number;
  readonly minor: number;
}

export interface DeviceRule {
  readonly type: 'b' | 'c';
  readonly major: number;
  /** Undefined: all of the major number. */
  readonly minor: number | undefined;
  readonly access: 'r' | 'rw';
}

/** The device node at `path`; undefined where something else is there, or nothing. */
export function deviceAt(path: string): Device | undefined {
  try {
    const status = lstatSync(path);
    const type = status.isBlockDevice() ? 'b' : status.isCharacterDevice() ? 'c' : undefined;
    return type && { type, ...deviceNumber(status.rdev) };
  } catch (error) {
    // stage1 says what is wrong with it.
    if (errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

/** As gnu_dev_major(3) and gnu_dev_minor(3) take a dev_t apart, which may have more than 32 bits. */
export function deviceNumber(device: number): Pick<Device, 'major' | 'minor'> {
  const bits = BigInt(device);
  return {
    major: Number(((bits >> 8n) & 0xfffn) | ((bits >> 32n) & ~0xfffn)),
    minor: Number((bits & 0xffn) | ((bits >> 12n) & ~0xffn)),
  };
}

const everyday = (major: number, minor?: number): DeviceRule => ({ type: 'c', major, minor, access: 'rw' });

/** What every app may open: null, zero, full, random, urandom, tty, console, ptmx, and pseudo-terminals. */
export const commonDevices: readonly DeviceRule[] = [
  ...[3, 5, 7, 8, 9].map((minor) => everyday(1, minor)),
  ...[0, 1, 2].map((minor) => everyday(5, minor)),
  everyday(136),
];

/**
 * What is written to files of the devices controller of cgroup v1, in order. Nodes may be made, whiteouts of overlayfs are
 * some, but not opened.
 */
export function deviceWrites(rules: readonly DeviceRule[]): [file: string, value: string][] {
  const allowed = rules.map(({ type, major, minor, access }) => `${type} ${major}:${minor ?? '*'} ${access}`);
  return [
    ['devices.deny', 'a'],
    ...['c *:* m', 'b *:* m', ...allowed].map((rule): [string, string] => ['devices.allow', rule]),
  ];
}

// BPF_DEVCG_* of <linux/bpf.h>.
const deviceTypes = { b: 1, c: 2 } as const;
const makeNode = 1;
const accesses = { r: 2, rw: 2 | 4 } as const;

/** Registers: 1 is the context (struct bpf_cgroup_dev_ctx) and later scratch. */
const [result, scratch, type, access, major, minor] = [0, 1, 2, 3, 4, 5] as const;

/** One `struct bpf_insn`. */
function instruction(code: number, to: number, from: number, offset: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(code, 0);
  bytes.writeUInt8(to | (from << 4), 1);
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(value, 4);
  return bytes;
}

const loadWord = (to: number, offset: number): Buffer => instruction(0x61, to, 1, offset, 0);
const move = (to: number, from: number): Buffer => instruction(0xbf, to, from, 0, 0);
const set = (to: number, value: number): Buffer => instruction(0xb7, to, 0, 0, value);
const and = (to: number, value: number): Buffer => instruction(0x54, to, 0, 0, value);
const shiftRight = (to: number, bits: number): Buffer => instruction(0x74, to, 0, 0, bits);
const skipUnless = (register: number, value: number, count: number): Buffer =>
  instruction(0x55, register, 0, count, value);
const end = (value: 0 | 1): Buffer[] => [set(result, value), instruction(0x95, 0, 0, 0, 0)];

/** The same as a program of type BPF_PROG_TYPE_CGROUP_DEVICE for the unified hierarchy: 1 allows, 0 refuses. */
export function deviceFilter(rules: readonly DeviceRule[]): Buffer {
  return Buffer.concat([
    loadWord(type, 0),
    move(access, type),
    and(type, 0xffff),
    shiftRight(access, 16),
    loadWord(major, 4),
    loadWord(minor, 8),
    skipUnless(access, makeNode, 2),
    ...end(1),
    ...rules.flatMap(ruleInstructions),
    ...end(0),
  ]);
}

/** Allows where all of it matches, otherwise goes on behind it. */
function ruleInstructions(rule: DeviceRule): Buffer[] {
  const tests: [register: number, value: number][] = [
    [type, deviceTypes[rule.type]],
    [major, rule.major],
  ];
  if (rule.minor !== undefined) tests.push([minor, rule.minor]);
  // What is asked for beyond what is allowed must be nothing.
  const excess = [move(scratch, access), and(scratch, ~accesses[rule.access])];
  const length = tests.length + excess.length + 3;
  return [
    ...tests.map(([register, value], index) => skipUnless(register, value, length - index - 1)),
    ...excess,
    skipUnless(scratch, 0, 2),
    ...end(1),
  ];
}
