/** An app that reaches for the kernel: new namespaces, mounts, keys, the other ways into it. */

import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Sandbox } from '../../support/sandbox.ts';
import { callNumbers, endedBySigsys, errors, makeCallsImage, newUserNamespace } from '../../support/system-calls.ts';

let host: Sandbox;
const image = 'example.com/calls';

const calls = (how: string, ...args: number[]) =>
  host.rkt(['run', image, '--exec=/bin/calls', '--', how, ...args.map(String)]);

beforeAll(async () => {
  host = await Sandbox.create();
  host.ok(['-insecure-skip-verify', 'fetch', await makeCallsImage(image, host.dir)]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

test.each([
  ['mount', callNumbers.mount, [], errors.EPERM],
  ['a user namespace', callNumbers.unshare, [newUserNamespace], errors.EPERM],
  ['a process in a user namespace', callNumbers.clone, [newUserNamespace | 17], errors.EPERM],
  ['clone3, whose flags no filter sees', callNumbers.clone3, [0, 0], errors.ENOSYS],
  ['keys, which are not the pod’s own', callNumbers.keyctl, [0, 0, 0], errors.EPERM],
  ['programs in the kernel', callNumbers.bpf, [0, 0, 0], errors.EPERM],
  ['the hypervisor', callNumbers.socket, [40, 1, 0], errors.EPERM],
])('%s is refused', (_, number, args, error) => {
  expect(calls('call', number, ...args)).toMatchObject({ status: 0, stdout: `${error}\n` });
});

const onX86 = process.arch === 'x64' ? test : test.skip;

onX86('32-bit calls have the same bounds: they are numbered otherwise', () => {
  // getpid, mount, unshare, setns of asm/unistd_32.h
  expect(calls('call32', 20).stdout).toBe('0\n');
  for (const number of [21, 310, 346]) expect(calls('call32', number).stdout).toBe(`${errors.EPERM}\n`);
});

onX86('calls of x32 end the app', () => {
  expect(calls('call', 0x40000000 + 39).status).toBe(endedBySigsys);
});

onX86('a set that removes a call removes it from the 32-bit side as well', () => {
  const removed = (number: number) =>
    host.rkt([
      'run',
      image,
      '--seccomp=mode=remove,errno=ENOTSUP,socket',
      '--exec=/bin/calls',
      '--',
      'call32',
      String(number),
      '1',
      '0',
    ]);
  expect(removed(359).stdout).toBe(`${errors.ENOTSUP}\n`);
  // socketcall, which makes sockets by another name
  expect(removed(102).stdout).toBe(`${errors.ENOTSUP}\n`);
});
