import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHost } from '../../../metadata-service/host.ts';

const host = createHost();
let dir: string;
let children: ChildProcess[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-host-'));
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(dir, { recursive: true });
});

/** Runs a shell script that prints one number when it is ready, and then goes on. */
async function run(script: string): Promise<{ child: ChildProcess; said: number }> {
  const child = spawn('sh', ['-c', script, 'sh', dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [text] = await once(child.stdout as NodeJS.ReadableStream, 'data');
  return { child, said: Number(text) };
}

/** State and start time, fields 3 and 22 of /proc/PID/stat. */
function statOf(pid: number): { state: string; startTime: string } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return { state: fields[0] ?? '', startTime: fields[19] ?? '' };
}

const processOf = (pid: number) => ({ pid, startTime: statOf(pid).startTime });

describe('isAlive', () => {
  test('a process with the start time, and no other', async () => {
    const { said } = await run('echo $$; exec sleep infinity');
    const process = processOf(said);
    expect(host.isAlive({ process })).toBe(true);
    expect(host.isAlive({ process: { ...process, startTime: '1' } })).toBe(false);
    expect(host.isAlive({ process: { ...process, startTime: '' } })).toBe(false);
  });

  test('not a zombie, although it still has a pid and a start time', async () => {
    // A program that never waits for the child that it got from the shell, which does not end before the program is there.
    const child = 'until [ "$(cat /proc/$$/comm)" = sleep ]; do :; done';
    const { said } = await run(`(${child}) & echo $!; exec sleep infinity`);
    while (statOf(said).state !== 'Z');
    expect(host.isAlive({ process: processOf(said) })).toBe(false);
  });

  test('only while the directory is locked', async () => {
    const { said } = await run('exec 9<"$1"; flock 9; echo $$; exec sleep infinity');
    const process = processOf(said);
    expect(host.isAlive({ process, dir })).toBe(true);
    expect(host.isAlive({ process, dir: tmpdir() })).toBe(false);
    expect(host.isAlive({ process, dir: join(dir, 'gone') })).toBe(false);
  });
});

describe('watchProcess', () => {
  test('tells the end of a process', async () => {
    const { child, said } = await run('echo $$; exec sleep infinity');
    const watch = host.watchProcess(processOf(said));
    child.kill('SIGKILL');
    await watch?.ended;
    expect(watch).toBeDefined();
    // The registry cancels every lease that it drops, also one that has just ended.
    expect(() => watch?.cancel()).not.toThrow();
  });

  test('is nothing for a process that has ended, or whose pid another one has', async () => {
    const { child, said } = await run('echo $$; exec sleep infinity');
    const process = processOf(said);
    expect(host.watchProcess({ ...process, startTime: '1' })).toBeUndefined();
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(host.watchProcess(process)).toBeUndefined();
  });

  test('can be given up', async () => {
    const { said } = await run('echo $$; exec sleep infinity');
    const watch = host.watchProcess(processOf(said));
    watch?.cancel();
    await watch?.ended;
    expect(host.isAlive({ process: processOf(said) })).toBe(true);
  });
});

test('readiness is one datagram to the socket that the service manager names', async () => {
  const script =
    'import socket, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\ns.bind(sys.argv[1])\nprint("bound", flush=True)\nprint(s.recv(100))';
  const path = join(dir, 'notify');
  const child = spawn('python3', ['-c', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const nextLine = async () => (await lines.next()).value;
  expect(await nextLine()).toBe('bound');
  process.env.NOTIFY_SOCKET = path;
  try {
    await host.notifyReady();
    expect(await nextLine()).toBe("b'READY=1'");
    rmSync(path);
    await expect(host.notifyReady()).rejects.toMatchObject({
      message: `sending a datagram to ${path}: No such file or directory`,
    });
  } finally {
    delete process.env.NOTIFY_SOCKET;
  }
  await host.notifyReady(); // nobody to tell
});
