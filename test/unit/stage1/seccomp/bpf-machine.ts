/** The kernel's classic BPF machine, as far as filters of system calls use it, written from seccomp(2) and bpf's own rules. */

export interface Call {
  readonly nr: number;
  readonly arch: number;
  readonly args?: readonly number[];
}

/** Runs a program and returns its value. Throws where the kernel would refuse the program. */
export function runFilter(program: Buffer, { nr, arch, args = [] }: Call): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(nr >>> 0, 0);
  data.writeUInt32LE(arch, 4);
  args.forEach((value, index) => {
    data.writeUInt32LE(value >>> 0, 16 + 8 * index);
  });
  const length = program.length / 8;
  let a = 0;
  for (let at = 0, steps = 0; ; steps++) {
    if (at >= length || steps > length) throw new Error(`the program runs past its end, at ${at}`);
    const code = program.readUInt16LE(at * 8);
    const [yes, no, k] = [
      program.readUInt8(at * 8 + 2),
      program.readUInt8(at * 8 + 3),
      program.readUInt32LE(at * 8 + 4),
    ];
    const branch = (taken: boolean): number => at + 1 + (taken ? yes : no);
    switch (code) {
      case 0x20:
        if (k % 4 !== 0 || k > 60) throw new Error(`load from ${k}`);
        a = data.readUInt32LE(k);
        at++;
        break;
      case 0x05:
        at += 1 + k;
        break;
      case 0x15:
        at = branch(a === k);
        break;
      case 0x35:
        at = branch(a >= k);
        break;
      case 0x45:
        at = branch((a & k) !== 0);
        break;
      case 0x06:
        return k;
      default:
        throw new Error(`unknown instruction ${code}`);
    }
  }
}

export const allowed = 0x7fff0000;
export const killed = 0x80000000;
export const failed = (errno: number): number => 0x00050000 | errno;
