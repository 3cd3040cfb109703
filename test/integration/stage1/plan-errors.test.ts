import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { encodePlan, type LaunchPlan, type PlanApp, type PlanSocket } from '../../../runtime/stage1/plan.ts';
import { TestPod } from './harness.ts';

let pod: TestPod;
beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

/** Runs a plan that must be refused before anything has happened, and returns what was said. */
async function refusal(plan: LaunchPlan | Buffer): Promise<string> {
  const { code, stdout, stderr } = await pod.start(plan).ended;
  expect([code, stdout]).toEqual([254, '']);
  expect(existsSync(join(pod.pod, 'status'))).toBe(false);
  for (const { dir } of pod.cgroups) expect(existsSync(dir)).toBe(false);
  return stderr;
}

const record = (tag: number, data: Buffer | string): Buffer => {
  const payload = Buffer.from(data as string);
  const header = Buffer.alloc(8);
  header.writeUInt16LE(tag);
  header.writeUInt32LE(payload.length, 4);
  return Buffer.concat([header, payload]);
};

const file = (body: Buffer): Buffer => {
  const header = Buffer.from('RKTPLAN1\0\0\0\0');
  header.writeUInt32LE(body.length, 8);
  return Buffer.concat([header, body]);
};

const good = (): Buffer => encodePlan(pod.plan([pod.app()])).subarray(12);

describe('encoding', () => {
  const cases: [string, (body: Buffer) => Buffer, RegExp][] = [
    ['an empty file', () => Buffer.alloc(0), /^rkt: launch plan: offset 0: does not start with RKTPLAN1\n$/],
    [
      'another magic',
      (body) => Buffer.concat([Buffer.from('RKTPLAN2'), file(body).subarray(8)]),
      /^rkt: launch plan: offset 0: does not start with RKTPLAN1\n$/,
    ],
    [
      'a shorter body',
      (body) => file(body).subarray(0, -1),
      /^rkt: launch plan: offset 8: the body is said to be \d+ bytes long and is \d+\n$/,
    ],
    [
      'half a header',
      (body) => file(Buffer.concat([body, Buffer.from('abc')])),
      /^rkt: launch plan: offset \d+: a record header of 8 bytes does not fit into the 3 left\n$/,
    ],
    [
      'an unknown tag',
      (body) => file(Buffer.concat([record(99, ''), body])),
      /^rkt: launch plan: tag 99 at offset 12: unknown in this group\n$/,
    ],
    [
      'a tag of another group',
      (body) => file(Buffer.concat([record(45, 'x'), body])),
      /^rkt: launch plan: tag 45 at offset 12: unknown in this group\n$/,
    ],
    [
      'bytes after the tag',
      (body) => {
        const bad = file(body);
        bad[14] = 1;
        return bad;
      },
      /^rkt: launch plan: tag 1 \(UUID\) at offset 12: the bytes after the tag are not zero\n$/,
    ],
    [
      'a record past its group',
      (body) => {
        const bad = file(body);
        bad.writeUInt32LE(0xffffffff, 16);
        return bad;
      },
      /^rkt: launch plan: tag 1 \(UUID\) at offset 12: the record reaches past the end of its group\n$/,
    ],
    [
      'a second UUID',
      (body) => file(Buffer.concat([body.subarray(0, 44), body])),
      /^rkt: launch plan: tag 1 \(UUID\) at offset 56: stands here a second time\n$/,
    ],
    [
      'no UUID',
      (body) => file(body.subarray(44)),
      /^rkt: launch plan: tag 1 \(UUID\) is missing in the group at offset 12\n$/,
    ],
    [
      'an incomplete app',
      (body) => file(Buffer.concat([record(10, record(40, 'a')), body])),
      /^rkt: launch plan: tag 45 \(ARG\) is missing in the group at offset 20\n$/,
    ],
    [
      'a number of three bytes',
      (body) => file(Buffer.concat([record(5, 'abc'), body])),
      /^rkt: launch plan: tag 5 \(LEASE_FD\) at offset 12: the payload is not 4 bytes\n$/,
    ],
    [
      'a NUL',
      (body) => file(Buffer.concat([record(6, '/a\0b'), body])),
      /^rkt: launch plan: tag 6 \(NETNS\) at offset 12: the string contains a NUL byte\n$/,
    ],
    [
      'an empty string',
      (body) => file(Buffer.concat([record(6, ''), body])),
      /^rkt: launch plan: tag 6 \(NETNS\) at offset 12: the string is empty\n$/,
    ],
    [
      'a relative path',
      (body) => file(Buffer.concat([record(6, 'a'), body])),
      /^rkt: launch plan: tag 6 \(NETNS\) at offset 12: the path does not start with \/\n$/,
    ],
    [
      'a long path',
      (body) => file(Buffer.concat([record(6, `/${'a'.repeat(4095)}`), body])),
      /^rkt: launch plan: tag 6 \(NETNS\) at offset 12: the string is too long\n$/,
    ],
    [
      'a stage1 without a writable layer',
      (body) => file(Buffer.concat([record(124, record(41, '/a')), body])),
      /^rkt: launch plan: tag 63 \(ROOT_IN_PLACE\) in the group at offset 20: it needs either ROOT_UPPER, or to be one ROOT_LOWER in place\n$/,
    ],
    [
      'a teardown step that is nothing',
      (body) => file(Buffer.concat([record(9, ''), body])),
      /^rkt: launch plan: tag 31 \(TEARDOWN_UMOUNT\) in the group at offset 20: a step must be exactly one thing\n$/,
    ],
    [
      'unknown flags',
      (body) => file(Buffer.concat([record(11, Buffer.from([16, 0, 0, 0])), body])),
      /^rkt: launch plan: tag 11 \(FLAGS\) at offset 12: the number is out of range\n$/,
    ],
    [
      'more than 4 MiB',
      () => Buffer.concat([Buffer.from('RKTPLAN1'), Buffer.alloc(4 << 20)]),
      /^rkt: launch plan: longer than 4194304 bytes\n$/,
    ],
  ];
  test.each(cases)('%s', async (_, change, message) => {
    expect(await refusal(change(good()))).toMatch(message);
  });
});

describe('meaning', () => {
  const app = (change: Partial<PlanApp>) => (): LaunchPlan => pod.plan([{ ...pod.app(), ...change }]);
  const whole = (change: Partial<LaunchPlan>) => (): LaunchPlan => pod.plan([pod.app()], change);
  const cases: [string, () => LaunchPlan, string][] = [
    ['UUID', whole({ uuid: 'X'.repeat(36) }), 'tag 1 (UUID) in the group at offset 12: not a UUID in lower case'],
    ['LOCK_FD', whole({ lockFd: 2 }), 'tag 4 (LOCK_FD) in the group at offset 12: below 3, where standard streams are'],
    ['LEASE_FD', whole({ leaseFd: 3 }), "tag 5 (LEASE_FD) in the group at offset 12: below 3, or the lock's"],
    [
      'the lock as SOCKET',
      () => pod.plan([pod.app({ sockets: [{ fd: 3, name: 'x' }] })]),
      'tag 10 (APP) in the group at offset 12: a socket has the descriptor of something else',
    ],
    [
      'two apps of one name',
      () => pod.plan([pod.app(), pod.app()]),
      'tag 10 (APP) in the group at offset 12: two apps have the same name',
    ],
    [
      'a sysctl of the host',
      whole({ sysctls: { 'vm.swappiness': '1' } }),
      'tag 12 (SYSCTL) in the group at offset 12: does not belong to a namespace of the pod',
    ],
    [
      'a network sysctl without a network',
      whole({ sysctls: { 'net.core.somaxconn': '1' } }),
      "tag 12 (SYSCTL) in the group at offset 12: would change the host's network namespace",
    ],
    [
      'a sysctl that climbs',
      whole({ sysctls: { 'net.//vm.swappiness': '1' } }),
      'tag 12 (SYSCTL) in the group at offset 12: not of the form key=value',
    ],
  ];
  test.each(cases)('%s', async (_, plan, message) => {
    expect(await refusal(plan())).toBe(`rkt: launch plan: ${message}\n`);
  });

  const appCases: [string, Partial<PlanApp>, RegExp][] = [
    [
      'APP_NAME',
      { name: 'Web' },
      /tag 40 \(APP_NAME\) in the group at offset \d+: a character is not of a-z, 0-9 and -\n$/,
    ],
    ['CWD', { cwd: 'tmp' }, /tag 47 \(CWD\) at offset \d+: the path does not start with \/\n$/],
    ['UID', { uid: 0xffffffff }, /tag 48 \(UID\) at offset \d+: the number is out of range\n$/],
    ['ENV', { env: { '': 'x' } }, /tag 46 \(ENV\) in the group at offset \d+: not of the form NAME=value\n$/],
    ['ARG', { args: [''] }, /tag 45 \(ARG\) in the group at offset \d+: the executable's name is empty\n$/],
    [
      'SECCOMP',
      { seccomp: Buffer.alloc(12) },
      /tag 60 \(SECCOMP\) in the group at offset \d+: not an array of struct sock_filter\n$/,
    ],
    [
      'OOM_SCORE_ADJ',
      { oomScoreAdj: 1001 },
      /tag 61 \(OOM_SCORE_ADJ\) in the group at offset \d+: not between -1000 and 1000\n$/,
    ],
    [
      'STOP_SIGNAL of nothing',
      { stopSignal: 0 },
      /tag 105 \(STOP_SIGNAL\) in the group at offset \d+: not the number of a signal\n$/,
    ],
    ['STOP_SIGNAL', { stopSignal: 65 }, /tag 105 \(STOP_SIGNAL\) at offset \d+: the number is out of range\n$/],
    [
      'SOCKET_FD',
      { sockets: [{ fd: 2, name: 'x' }] },
      /tag 91 \(SOCKET_FD\) in the group at offset \d+: below 3, where standard streams are\n$/,
    ],
    [
      'SOCKET_NAME',
      { sockets: [{ fd: 9, name: 'a:b' }] },
      /tag 92 \(SOCKET_NAME\) in the group at offset \d+: there is a colon in it\n$/,
    ],
    [
      'a socket without descriptor or port',
      { sockets: [{ name: 'x' } as unknown as PlanSocket] },
      /tag 94 \(SOCKET_OPEN\) in the group at offset \d+: a socket is either SOCKET_FD or opened\n$/,
    ],
    [
      'a socket to be opened nowhere',
      { sockets: [{ open: 'tcp', port: 0, name: 'x' }] },
      /tag 95 \(SOCKET_PORT\) in the group at offset \d+: SOCKET_OPEN and SOCKET_PORT must stand together\n$/,
    ],
    [
      'SOCKET_PORT',
      { sockets: [{ open: 'tcp', port: 65536, name: 'x' }] },
      /tag 95 \(SOCKET_PORT\) at offset \d+: the number is out of range\n$/,
    ],
    [
      'a mount target that climbs',
      { mounts: [{ source: '/tmp', target: '/a/../../b' }] },
      /tag 71 \(MOUNT_TARGET\) at offset \d+: the path has an empty, \. or \.\. component\n$/,
    ],
    [
      'a file mode',
      { files: [{ path: '/a', mode: 0o4755, data: '' }] },
      /tag 81 \(FILE_MODE\) at offset \d+: the number is out of range\n$/,
    ],
  ];
  test.each(appCases)('%s', async (_, change, message) => {
    expect(await refusal(app(change)())).toMatch(message);
  });
});

describe('surroundings of run', () => {
  test('the UUID must be the plan’s', async () => {
    const other = '00000000-0000-4000-8000-000000000000';
    expect(await refusal(pod.plan([pod.app()], { uuid: other }))).toBe(
      `rkt: the launch plan is of pod ${other}, not of ${pod.uuid}\n`,
    );
  });

  test('the working directory must be the pod’s', async () => {
    expect(await refusal(pod.plan([pod.app()], { podDir: '/tmp' }))).toBe(
      "rkt: the working directory is not the pod's directory /tmp\n",
    );
  });

  test('the lock must be a descriptor of the pod’s directory', async () => {
    expect(await refusal(pod.plan([pod.app()], { lockFd: 9 }))).toBe(
      "rkt: descriptor 9 is not the lock of the pod's directory\n",
    );
  });

  test('who waits for the pod to be ready must be there', async () => {
    expect(await refusal(pod.plan([pod.app()], { readyFd: 9 }))).toBe(
      'rkt: descriptor 9, which is to say when the pod is ready, is not open\n',
    );
  });

  test('what an app is to get must be a socket', async () => {
    expect(await refusal(pod.plan([pod.app({ sockets: [{ fd: 9, name: 'x' }] })]))).toBe(
      'rkt: descriptor 9, which app "app" is to get, is not a socket\n',
    );
  });

  test('the lease must be a socket', async () => {
    expect(await refusal(pod.plan([pod.app()], { leaseFd: 9 }))).toBe(
      "rkt: descriptor 9 is not the connection of the pod's registration\n",
    );
  });
});
