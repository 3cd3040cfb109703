import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { native } from '../../../native/index.ts';
import { message, parseMessages } from '../../../netns/netlink/codec.ts';
import { errorOf } from './error-of.ts';

const descriptors = (): number => readdirSync('/proc/self/fd').length;

describe('netlink', () => {
  const dumpLinks = message(18, 0x301, 7, [Buffer.alloc(16)]);

  test('answers a dump whole, with its end', () => {
    const fd = native.netlinkOpen({ protocol: 0 });
    const answers = parseMessages(native.netlinkTransact(fd, dumpLinks, 1, 5000));
    closeSync(fd);
    expect(answers.at(-1)).toMatchObject({ type: 3, sequence: 7 });
    expect(answers.filter((answer) => answer.type === 16).length).toBeGreaterThan(0);
  });

  test('leaves nothing of a failure for the next request', () => {
    const fd = native.netlinkOpen({ protocol: 0 });
    const unknown = (sequence: number): Buffer => message(9999, 0x5, sequence, [Buffer.alloc(16)]);
    const answers = parseMessages(native.netlinkTransact(fd, Buffer.concat([unknown(1), unknown(2)]), 1, 5000));
    expect(answers.map((answer) => answer.sequence)).toEqual([1, 2]);
    const next = parseMessages(native.netlinkTransact(fd, dumpLinks, 1, 5000));
    expect(next.every((answer) => answer.sequence === 7)).toBe(true);
    closeSync(fd);
  });

  test('gives up after the time given', () => {
    const fd = native.netlinkOpen({ protocol: 0 });
    // Without NLM_F_ACK, nothing is answered to a request that succeeds: here a no-op.
    expect(errorOf(() => native.netlinkTransact(fd, message(1, 0x1, 1, []), 1, 20))).toEqual({
      message: 'waiting for a netlink answer: Connection timed out',
      code: 'ETIMEDOUT',
      errno: 110,
      syscall: 'poll',
    });
    closeSync(fd);
  });

  test('opens sockets that a program started by node does not inherit, and leaks none', () => {
    const before = descriptors();
    for (let n = 0; n < 200; n++) {
      const fd = native.netlinkOpen({ protocol: 0, netns: '/proc/self/ns/net' });
      if (n === 0) {
        const name = readlinkSync(`/proc/self/fd/${fd}`);
        expect(spawnSync('ls', ['-l', '/proc/self/fd']).stdout.toString()).not.toContain(name);
      }
      closeSync(fd);
    }
    expect(descriptors()).toBe(before);
  });

  test('says what is wrong with its arguments', () => {
    const open = native.netlinkOpen as (options?: unknown) => unknown;
    const transact = native.netlinkTransact as (...args: unknown[]) => unknown;
    const messageOf = (work: () => unknown): unknown => (errorOf(work) as { message: string }).message;
    expect(messageOf(() => open())).toBe('netlinkOpen: options must be an object');
    expect(messageOf(() => open({}))).toBe('netlinkOpen: options.protocol must be a 32-bit integer');
    expect(messageOf(() => open({ protocol: 0, netns: 1 }))).toBe('netlinkOpen: options.netns must be a string');
    expect(messageOf(() => open({ protocol: 99 }))).toBe(
      'opening a netlink socket of protocol 99: Protocol not supported',
    );
    expect(messageOf(() => transact(0, 'x', 1, 1))).toBe('netlinkTransact: datagram must be a Uint8Array');
    expect(messageOf(() => transact(0, new Uint16Array(1), 1, 1))).toBe(
      'netlinkTransact: datagram must be a Uint8Array',
    );
    expect(messageOf(() => transact(0, new Uint8Array(1), -1, 1))).toBe(
      'netlinkTransact: acks must be an unsigned 32-bit integer',
    );
    expect(messageOf(() => transact(987654, new Uint8Array(1), 1, 1))).toBe(
      'sending a netlink request of 1 bytes: Bad file descriptor',
    );
  });

  test('passes on an exception of a getter', () => {
    const options = {
      get protocol(): number {
        throw new RangeError('from the getter');
      },
    };
    expect(() => native.netlinkOpen(options)).toThrow(new RangeError('from the getter'));
  });
});

describe('unix sockets', () => {
  test('connects, and knows the other end', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'rkt-native-'));
    const path = join(dir, 'socket');
    const server = createServer().listen(path);
    await new Promise((resolve) => server.once('listening', resolve));
    const fd = native.connectUnix(path, 1000);
    expect(native.peerCredentials(fd)).toEqual({ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
    closeSync(fd);
    await new Promise((resolve) => server.close(resolve));
    rmSync(dir, { recursive: true });
  });

  test('says why it cannot connect', () => {
    expect(errorOf(() => native.connectUnix('/nonexistent/socket', 10))).toEqual({
      message: 'connecting to /nonexistent/socket: No such file or directory',
      code: 'ENOENT',
      errno: 2,
      syscall: 'connect',
    });
    const long = `/${'x'.repeat(107)}`;
    expect(errorOf(() => native.connectUnix(long, 10))).toMatchObject({
      message: `connecting to ${long}: File name too long`,
      code: 'ENAMETOOLONG',
    });
    expect(errorOf(() => native.peerCredentials(987654))).toEqual({
      message: 'asking who is at the other end of descriptor 987654: Bad file descriptor',
      code: 'EBADF',
      errno: 9,
      syscall: 'getsockopt',
    });
  });
});

describe('datagrams', () => {
  /** A receiver that prints the first datagram it gets. Its name is a path, or abstract after a leading @. */
  async function receiver(name: string): Promise<{ received: Promise<string> }> {
    const script = `
import socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + name[1:] if name[0] == "@" else name)
print("ready", flush=True)
sys.stdout.buffer.write(s.recv(4096))`;
    const child = spawn('python3', ['-c', script, name], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (data: string) => {
      text += data;
    });
    await once(child.stdout, 'data');
    return { received: once(child, 'close').then(() => text.replace('ready\n', '')) };
  }

  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'rkt-native-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  test('reach a socket in the file system, and one with an abstract name', async () => {
    const before = descriptors();
    for (const name of [join(dir, 'notify'), `@rkt-test-${process.pid}`]) {
      const { received } = await receiver(name);
      native.sendDatagram(name, Buffer.from('READY=1\nSTATUS=ä'));
      expect(await received).toBe('READY=1\nSTATUS=ä');
    }
    expect(descriptors()).toBeLessThanOrEqual(before);
  });

  test('give up on a receiver that does not read', async () => {
    const name = `@rkt-full-${process.pid}`;
    const script =
      'import socket, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\ns.bind("\\0" + sys.argv[1])\nprint("ready", flush=True)\nsys.stdin.read()';
    const child = spawn('python3', ['-c', script, name.slice(1)], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const fill = (): void => {
      for (;;) native.sendDatagram(name, Buffer.from('x'));
    };
    expect(errorOf(fill)).toEqual({
      message: `sending a datagram to ${name}: Connection timed out`,
      code: 'ETIMEDOUT',
      errno: 110,
      syscall: 'sendto',
    });
    child.stdin.end();
    await once(child, 'close');
  });

  test('say what is wrong', () => {
    const send = native.sendDatagram as (path: unknown, data: unknown) => void;
    const data = Buffer.from('x');
    expect(errorOf(() => send(join(dir, 'nobody'), data))).toEqual({
      message: `sending a datagram to ${dir}/nobody: No such file or directory`,
      code: 'ENOENT',
      errno: 2,
      syscall: 'sendto',
    });
    expect(errorOf(() => send('@rkt-nobody', data))).toMatchObject({ code: 'ECONNREFUSED', syscall: 'sendto' });
    const long = `/${'x'.repeat(107)}`;
    expect(errorOf(() => send(long, data))).toMatchObject({
      message: `sending a datagram to ${long}: File name too long`,
      code: 'ENAMETOOLONG',
    });
    expect(errorOf(() => send(1, data))).toMatchObject({ message: 'sendDatagram: path must be a string' });
    expect(errorOf(() => send('/x', 'x'))).toMatchObject({ message: 'sendDatagram: data must be a Uint8Array' });
  });
});
