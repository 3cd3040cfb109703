/** An image with a program that makes system calls as it is told. */

import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeImage } from '../../deploy/demo/images.ts';

/** Writes an image `name` with busybox and `/bin/calls` to `dir`; returns its file. */
export async function makeCallsImage(name: string, dir: string): Promise<string> {
  const program = join(dir, 'calls');
  execFileSync('gcc', ['-static', '-pthread', '-o', program, join(import.meta.dirname, 'system-calls.c')]);
  const output = join(dir, 'calls.aci');
  const prepare = (rootfs: string): void => copyFileSync(program, join(rootfs, 'bin', 'calls'));
  await makeImage({ name, exec: ['/bin/calls', 'thread'], output, prepare });
  return output;
}

/** Numbers of calls that tests make, which differ between architectures; flags of sched.h. */
export const callNumbers =
  process.arch === 'arm64'
    ? {
        getpid: 172,
        mount: 40,
        unshare: 97,
        clone: 220,
        clone3: 435,
        keyctl: 219,
        bpf: 280,
        socket: 198,
        uname: 160,
        newest: 469,
      }
    : {
        getpid: 39,
        mount: 165,
        unshare: 272,
        clone: 56,
        clone3: 435,
        keyctl: 250,
        bpf: 321,
        socket: 41,
        uname: 63,
        newest: 469,
      };
export const newUserNamespace = 0x10000000;

/** Numbers of errors. */
export const errors = { EPERM: 1, EFAULT: 14, EINVAL: 22, ENOSYS: 38, EAFNOSUPPORT: 97, ENOTSUP: 95 } as const;
/** 128 and SIGSYS. */
export const endedBySigsys = 159;
