import { describe, expect, test } from '@jest/globals';
import { type DeviceRule, deviceFilter, deviceNumber, deviceWrites } from '../../../runtime/stage1/devices.ts';

/** Runs a filter as the kernel would, for the instructions that there are. */
function run(program: Buffer, type: number, access: number, major: number, minor: number): number {
  const context = [(access << 16) | type, major, minor];
  const registers: number[] = [0, 0, 0, 0, 0, 0];
  for (let at = 0; ; at++) {
    const bytes = program.subarray(at * 8, at * 8 + 8);
    const [code, to, from] = [bytes[0], (bytes[1] as number) & 15, (bytes[1] as number) >> 4];
    const [offset, value] = [bytes.readInt16LE(2), bytes.readInt32LE(4)];
    if (code === 0x95) return registers[0] as number;
    if (code === 0x61) registers[to] = context[offset / 4] as number;
    else if (code === 0xbf) registers[to] = registers[from] as number;
    else if (code === 0xb7) registers[to] = value;
    else if (code === 0x54) registers[to] = (registers[to] as number) & value;
    else if (code === 0x74) registers[to] = (registers[to] as number) >>> value;
    else if (code === 0x55) at += registers[to] === value ? 0 : offset;
    else throw new Error(`instruction ${code}`);
  }
}

const rules: readonly DeviceRule[] = [
  { type: 'b', major: 7, minor: 3, access: 'r' },
  { type: 'c', major: 1, minor: 5, access: 'rw' },
  { type: 'c', major: 136, minor: undefined, access: 'rw' },
];
const [block, char] = [1, 2];
const [make, read, write] = [1, 2, 4];

describe('a device filter', () => {
  test.each([
    ['reading what may be read', block, read, 7, 3, 1],
    ['writing to it', block, write, 7, 3, 0],
    ['both', block, read | write, 7, 3, 0],
    ['its neighbour', block, read, 7, 4, 0],
    ['the same numbers of the other kind', char, read, 7, 3, 0],
    ['reading and writing', char, read | write, 1, 5, 1],
    ['any of a major number', char, read | write, 136, 99, 1],
    ['making any node', block, make, 8, 0, 1],
    ['making and opening one', block, make | read, 8, 0, 0],
    ['something else', char, read, 1, 1, 0],
  ])('%s', (_, type, access, major, minor, answer) => {
    expect(run(deviceFilter(rules), type, access, major, minor)).toBe(answer);
  });

  test('in the words of cgroup v1', () => {
    expect(deviceWrites(rules)).toEqual([
      ['devices.deny', 'a'],
      ['devices.allow', 'c *:* m'],
      ['devices.allow', 'b *:* m'],
      ['devices.allow', 'b 7:3 r'],
      ['devices.allow', 'c 1:5 rw'],
      ['devices.allow', 'c 136:* rw'],
    ]);
  });
});

test.each([
  [0x0105, 1, 5],
  [0x10300, 259, 0],
  [0x1000_0000, 0, 0x10000],
])('device %i is %i:%i', (device, major, minor) => {
  expect(deviceNumber(device)).toEqual({ major, minor });
});
