/** The kernel's classic BPF machine, which filters packets and system calls (linux/filter.h, linux/bpf_common.h). */

/** Codes of instructions that take their operand from the instruction itself. */
export const opcode = {
  /** BPF_LD|BPF_W|BPF_ABS, BPF_LD|BPF_B|BPF_ABS */
  loadWord: 0x20,
  loadByte: 0x30,
  /** BPF_JMP|BPF_JA, BPF_JMP|BPF_{JEQ,JGE,JSET}|BPF_K */
  jump: 0x05,
  jumpEqual: 0x15,
  jumpAtLeast: 0x35,
  jumpBits: 0x45,
  /** BPF_RET|BPF_K */
  giveBack: 0x06,
} as const;

/** Code, how many instructions are passed over where the condition holds and where it does not, and the operand. */
export type Instruction = readonly [code: number, whenTrue: number, whenFalse: number, operand: number];

/** An array of struct sock_filter, little-endian as both architectures are that rkt is for. */
export function encodeProgram(instructions: readonly Instruction[]): Buffer {
  const words = new Uint32Array(instructions.length * 2);
  for (const [index, [code, whenTrue, whenFalse, operand]] of instructions.entries()) {
    words[index * 2] = code | (whenTrue << 16) | (whenFalse << 24);
    words[index * 2 + 1] = operand;
  }
  return Buffer.from(words.buffer);
}
