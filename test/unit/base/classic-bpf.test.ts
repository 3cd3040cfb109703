import { expect, test } from '@jest/globals';
import { encodeProgram, opcode } from '../../../runtime/base/classic-bpf.ts';

test('an instruction is a code, two jumps and an operand, eight bytes in all', () => {
  const program = encodeProgram([
    [opcode.jumpEqual, 1, 255, 0x0102_0304],
    [opcode.giveBack, 0, 0, 0xffff_ffff],
  ]);
  expect(program.toString('hex')).toBe('150001ff04030201' + '06000000ffffffff');
});
