/** What apps print: on the monitor's streams and in their logs. */

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AppLog } from '../../../runtime/pod/logs/app-log.ts';
import type { LaunchPlan } from '../../../runtime/stage1/plan.ts';
import { type RunningPod, TestPod } from './harness.ts';

let pod: TestPod;
beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

const entries = (name = 'app.log'): string[] =>
  pod
    .file(`logs/${name}`)
    .split('\n')
    .slice(0, -1)
    .map((entry) => entry.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z /, ''));

/** The bytes that an app has printed, by its log. */
function logged(app: string, stream: 'stdout' | 'stderr' = 'stdout'): Buffer {
  const log = new AppLog(pod.pod, app);
  const newline = Buffer.from('\n');
  const parts: Buffer[] = [];
  const take = (line: { stream: string; text: Buffer; complete: boolean }): void => {
    if (line.stream === stream) parts.push(Buffer.from(line.text), ...(line.complete ? [newline] : []));
  };
  for (const line of log.read()) take(line);
  for (const line of log.rest()) take(line);
  expect(log.problems()).toEqual([]);
  log.close();
  return Buffer.concat(parts);
}

/** Standard output as a file; the rest as usual. */
function withOutputFile(file: string): { stdio: ('ignore' | 'pipe' | number)[]; close: () => void } {
  const fd = openSync(file, 'w');
  return { stdio: ['ignore', fd, 'pipe', pod.lockFd], close: () => closeSync(fd) };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const numbers = (count: number): string => `${Array.from({ length: count }, (_, i) => i + 1).join('\n')}\n`;

describe('the only app', () => {
  test('prints what it prints, and both streams are in its log', async () => {
    expect(await pod.script('echo out; echo err >&2; printf "no end"')).toEqual({
      code: 0,
      stdout: 'out\nno end',
      stderr: 'err\n',
    });
    expect(entries().filter((entry) => entry.startsWith('stdout'))).toEqual(['stdout F out', 'stdout P no end']);
    expect(entries().filter((entry) => entry.startsWith('stderr'))).toEqual(['stderr F err']);
    expect(statSync(join(pod.pod, 'logs')).mode & 0o777).toBe(0o700);
    expect(statSync(join(pod.pod, 'logs', 'app.log')).mode & 0o777).toBe(0o600);
  });

  test('that prints nothing has no log', async () => {
    expect((await pod.script('true')).code).toBe(0);
    expect(existsSync(join(pod.pod, 'logs'))).toBe(false);
  });

  test('shows a prompt at once', async () => {
    const run = pod.start(pod.plan([pod.app({ script: 'printf "name? "; read name; echo "hello $name"' })]), {
      stdio: ['pipe', 'pipe', 'pipe', pod.lockFd],
    });
    let seen = '';
    await new Promise<void>((resolve) =>
      run.child.stdout?.on('data', (text: string) => {
        seen += text;
        if (seen === 'name? ') resolve();
      }),
    );
    run.child.stdin?.end('you\n');
    expect((await run.ended).stdout).toBe('name? hello you\n');
  });

  test('prints any bytes, which its log has unchanged', async () => {
    const bytes = randomBytes(1 << 20);
    writeFileSync(join(pod.image, 'bytes'), bytes);
    const file = join(pod.dir, 'output');
    const { stdio, close } = withOutputFile(file);
    const { code } = await pod.start(pod.plan([pod.app({ script: 'cat /bytes' })], { logSize: 0 }), { stdio }).ended;
    close();
    expect([code, readFileSync(file).equals(bytes), logged('app').equals(bytes)]).toEqual([0, true, true]);
  });

  test('has long lines in several entries', async () => {
    const { stdout } = await pod.script('head -c 40000 /dev/zero | tr "\\0" x; echo; echo short');
    expect(stdout).toBe(`${'x'.repeat(40_000)}\nshort\n`);
    expect(entries().map((entry) => [entry.slice(0, 9), entry.length - 9])).toEqual([
      ['stdout P ', 16_384],
      ['stdout P ', 16_384],
      ['stdout F ', 40_000 - 2 * 16_384],
      ['stdout F ', 5],
    ]);
    expect(logged('app').toString()).toBe(stdout);
  });

  test('of another user can open its standard streams', async () => {
    const app = { uid: 1234, gid: 1234, script: 'echo one > /dev/stdout; echo two > /dev/stderr' };
    expect(await pod.script(app.script, app)).toEqual({ code: 0, stdout: 'one\n', stderr: 'two\n' });
  });

  test('has pipes and nothing else of the monitor', async () => {
    const { stdout } = await pod.script('for fd in /proc/self/fd/*; do readlink $fd; done', { stdin: 'null' });
    expect(stdout.split('\n').map((line) => line.replace(/\d+/g, 'N'))).toEqual([
      '/dev/null',
      'pipe:[N]',
      'pipe:[N]',
      '',
    ]);
  });

  test('reads and prints nothing where it should not', async () => {
    const streams = { stdin: 'null', stdout: 'null', stderr: 'null' } as const;
    const run = pod.start(pod.plan([pod.app({ ...streams, script: 'echo out; echo err >&2; cat; exit 3' })]), {
      stdio: ['pipe', 'pipe', 'pipe', pod.lockFd],
    });
    expect(await run.ended).toEqual({ code: 3, stdout: '', stderr: '' });
    expect(existsSync(join(pod.pod, 'logs'))).toBe(false);
  });

  test('has its last words before the end of the pod, and nobody waits for a pipe that is kept open', async () => {
    const { stdout } = await pod.script('sleep 1000 & seq 1 20000');
    expect(stdout).toBe(numbers(20_000));
    expect(logged('app').toString()).toBe(numbers(20_000));
  });

  test('prints from its handlers too', async () => {
    const { stdout } = await pod.script('echo app', {
      preStart: ['/bin/echo', 'before'],
      postStop: ['/bin/echo', 'after'],
    });
    expect(stdout).toBe('before\napp\nafter\n');
    expect(logged('app').toString()).toBe(stdout);
  });
});

describe('lines with a prefix', () => {
  test('name the app and its process as the pod sees it', async () => {
    const apps = ['a', 'b'].map((name) => pod.app({ name, script: 'echo $$; echo $$ >&2; printf $$' }));
    const { stdout, stderr } = await pod.run(apps, { prefixLines: true });
    for (const name of ['a', 'b']) {
      const lines = stdout.split('\n').filter((line) => line.startsWith(`${name}[`));
      expect(lines).toHaveLength(2);
      const [, number, text] = /^.\[(\d+)\]: (\d+)$/.exec(lines[0] as string) ?? [];
      expect(text).toBe(number);
      expect(lines[1]).toBe(lines[0]);
      expect(stderr).toContain(`${lines[0]}\n`);
      expect(logged(name).toString()).toBe(`${number}\n${number}`);
    }
    expect(stdout.split('\n')).toHaveLength(5);
  });

  test('are never torn by those of other apps', async () => {
    const script = (letter: string): string =>
      `i=0; while [ $i -lt 300 ]; do printf ${letter.repeat(500)}; echo ${letter.repeat(500)}; i=$((i+1)); done`;
    const apps = ['a', 'b', 'c'].map((name) => pod.app({ name, script: script(name) }));
    const { stdout } = await pod.run(apps, { prefixLines: true });
    const lines = stdout.split('\n').slice(0, -1);
    expect(lines).toHaveLength(900);
    for (const line of lines) expect(line).toMatch(/^([abc])\[\d+\]: (\1{1000})$/);
  });

  test('are as whole without a prefix', async () => {
    const apps = ['a', 'b'].map((name) =>
      pod.app({ name, script: `i=0; while [ $i -lt 300 ]; do printf ${name}; echo ${name}; i=$((i+1)); done` }),
    );
    const { stdout } = await pod.run(apps);
    expect(new Set(stdout.split('\n').slice(0, -1))).toEqual(new Set(['aa', 'bb']));
    expect(stdout).toHaveLength(1800);
  });

  test('that are too long are shown in pieces', async () => {
    const { stdout } = await pod.script('head -c 20000 /dev/zero | tr "\\0" x; echo', {}, { prefixLines: true });
    const [first, second, rest] = stdout.split('\n');
    expect(first).toMatch(/^app\[\d+\]: x{16384}$/);
    expect(second).toMatch(/^app\[\d+\]: x{3616}$/);
    expect(rest).toBe('');
  });

  test('that have no end are shown when the app has ended, although others go on', async () => {
    const run = pod.start(
      pod.plan(
        [
          pod.app({ name: 'ends', script: 'sleep 1000 & printf "last words"' }),
          pod.app({ name: 'goes-on', script: 'read line; echo $line' }),
        ],
        { prefixLines: true },
      ),
      { stdio: ['pipe', 'pipe', 'pipe', pod.lockFd] },
    );
    let seen = '';
    await new Promise<void>((resolve) =>
      run.child.stdout?.on('data', (text: string) => {
        seen += text;
        if (seen.endsWith('\n')) resolve();
      }),
    );
    expect(seen).toMatch(/^ends\[\d+\]: last words\n$/);
    run.child.stdin?.end('done\n');
    expect((await run.ended).code).toBe(0);
  });

  test('have the number of the process that an app is started again as', async () => {
    const app = pod.app({ restart: { policy: 'on-failure', limit: 2 }, script: 'echo $$; printf $$; exit 1' });
    const { stdout } = await pod.run(app, { prefixLines: true });
    const lines = stdout.split('\n').slice(0, -1);
    expect(lines).toHaveLength(6);
    for (const line of lines) expect(line).toMatch(/^app\[(\d+)\]: \1$/);
    expect(new Set(lines).size).toBe(3);
    expect(logged('app').toString()).toBe(
      lines.map((line, i) => line.slice(line.indexOf(' ') + 1) + (i % 2 ? '' : '\n')).join(''),
    );
  });

  test('go to one file in their order where stdout and stderr are one', async () => {
    const file = join(pod.dir, 'both');
    const fd = openSync(file, 'a');
    const apps = ['a', 'b'].map((name) => pod.app({ name, script: 'seq 1 3000; seq 3001 6000 >&2' }));
    const run = pod.start(pod.plan(apps, { prefixLines: true }), { stdio: ['ignore', fd, fd, pod.lockFd] });
    expect((await run.ended).code).toBe(0);
    closeSync(fd);
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    expect(lines).toHaveLength(12_000);
    for (const line of lines) expect(line).toMatch(/^[ab]\[\d+\]: \d+$/);
  });
});

describe('a log', () => {
  const files = (): string[] =>
    readdirSync(join(pod.pod, 'logs')).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));

  test('is put aside when it is too long, and loses nothing', async () => {
    const { stdout } = await pod.script('seq 1 100000', {}, { logSize: 65_536, logFiles: 1000 });
    expect(stdout).toBe(numbers(100_000));
    expect(files().length).toBeGreaterThan(50);
    expect(files()[1]).toBe('app.log.1');
    for (const name of files()) expect(statSync(join(pod.pod, 'logs', name)).size).toBeLessThanOrEqual(65_536);
    expect(logged('app').toString()).toBe(stdout);
  });

  test('takes a limited part of the disk, however much is printed', async () => {
    const { code } = await pod.script('seq 1 200000', {}, { logSize: 20_000, logFiles: 2 });
    expect([code, files()]).toEqual([0, ['app.log', 'app.log.1', 'app.log.2']]);
    for (const name of files()) expect(statSync(join(pod.pod, 'logs', name)).size).toBeLessThanOrEqual(20_000);
    expect(numbers(200_000).endsWith(logged('app').toString())).toBe(true);
  });

  test('may be one file only, or without a limit', async () => {
    await pod.script('seq 1 5000', {}, { logSize: 10_000, logFiles: 0 });
    expect(files()).toEqual(['app.log']);
    expect(numbers(5000).endsWith(logged('app').toString())).toBe(true);
  });

  test('that has no room loses lines, says how many, and the pod goes on', async () => {
    const logs = join(pod.pod, 'logs');
    const room = join(logs, 'room');
    mkdirSync(logs);
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', logs]).status).toBe(0);
    try {
      writeFileSync(room, Buffer.alloc(40_000));
      const run = pod.start(pod.plan([pod.app({ script: 'seq 1 5000; echo full; read line; echo $line' })]), {
        stdio: ['pipe', 'pipe', 'pipe', pod.lockFd],
      });
      await run.line('full');
      rmSync(room);
      run.child.stdin?.end('more\n');
      const { code, stdout, stderr } = await run.ended;
      expect([code, stdout]).toEqual([0, `${numbers(5000)}full\nmore\n`]);
      expect(stderr).toBe(
        'rkt: app "app": writing its log: No space left on device; the pod goes on, output that the log has no room for is lost\n',
      );
      const lines = entries();
      const kept = lines.slice(0, -2).map((line) => line.replace('stdout F ', ''));
      expect(`${kept.join('\n')}\n`).toBe(numbers(kept.length));
      expect(lines.at(-2)).toBe(
        `stderr F rkt: ${5001 - kept.length} lines of output are missing here: No space left on device`,
      );
      expect(lines.at(-1)).toBe('stdout F more');
    } finally {
      spawnSync('umount', [logs]);
    }
  });

  test('that cannot be made is told once, and the pod goes on', async () => {
    writeFileSync(join(pod.pod, 'logs'), '');
    const { code, stdout, stderr } = await pod.script('echo one; sleep 0.05; echo two');
    expect([code, stdout, stderr]).toEqual([
      0,
      'one\ntwo\n',
      'rkt: app "app": writing its log: Not a directory; the pod goes on, output that the log has no room for is lost\n',
    ]);
  });
});

describe('a reader', () => {
  /** A pod whose standard output is a pipe that nobody reads unless asked to. */
  function unread(
    script: string,
    others: { name: string; script: string }[] = [],
    options: Partial<LaunchPlan> = {},
  ): RunningPod {
    const apps = [pod.app({ script }), ...others.map((app) => pod.app(app))];
    const run = pod.start(pod.plan(apps, options), { stdio: ['pipe', 'pipe', 'pipe', pod.lockFd] });
    run.child.stdout?.pause();
    return run;
  }

  test('that is gone from a socket is done without: the log goes on', async () => {
    const run = unread('echo begin; read line; seq 1 100000');
    await until(() => existsSync(join(pod.pod, 'logs', 'app.log')));
    run.child.stdout?.destroy();
    run.child.stdin?.end('\n');
    expect((await run.ended).code).toBe(0);
    expect(logged('app').toString()).toBe(`begin\n${numbers(100_000)}`);
  });

  test('that is slow slows its app, not the logs of others, and loses nothing', async () => {
    const run = unread('seq 1 200000; echo end', [{ name: 'other', script: 'seq 900001 900100; read line' }]);
    await until(() => existsSync(join(pod.pod, 'logs', 'other.log')) && logged('other').length === 700);
    // The app waits with what its pipe and the buffers hold.
    expect(existsSync(join(pod.pod, 'status', 'app'))).toBe(false);
    let output = '';
    run.child.stdout?.on('data', (text: string) => {
      output += text;
      if (output.includes('end\n')) run.child.stdin?.end('\n');
    });
    run.child.stdout?.resume();
    expect((await run.ended).code).toBe(0);
    const isOther = (line: string): boolean => /^9000\d\d|900100$/.test(line);
    const lines = output.split('\n');
    expect(lines.filter(isOther)).toHaveLength(100);
    expect(lines.filter((line) => !isOther(line)).join('\n') === `${numbers(200_000)}end\n`).toBe(true);
    expect(logged('app').toString()).toBe(`${numbers(200_000)}end\n`);
  });

  test('that reads nothing keeps a pod that is stopped no longer than the time for that', async () => {
    const run = unread('seq 1 1000000', [], { stopTimeoutMs: 50 });
    await until(() => existsSync(join(pod.pod, 'logs', 'app.log')));
    run.child.kill('SIGTERM');
    await new Promise((resolve) => run.child.once('exit', resolve));
    expect([run.child.exitCode, pod.file('status/app')]).toEqual([143, '143']);
    run.child.stdout?.resume();
  });

  test('has a description of the file that nobody makes non-blocking', async () => {
    const run = unread('echo begin; read line; seq 1 100000');
    await until(() => existsSync(join(pod.pod, 'logs', 'app.log')));
    const info = readFileSync(`/proc/${run.child.pid}/fdinfo/1`, 'utf8');
    const flags = Number.parseInt(/flags:\s+(\d+)/.exec(info)?.[1] ?? '', 8);
    expect(flags & constants.O_NONBLOCK).toBe(0);
    run.child.stdout?.resume();
    run.child.stdin?.end('\n');
    expect((await run.ended).stdout).toBe(`begin\n${numbers(100_000)}`);
  });
});

describe('an app that can be attached to', () => {
  const streams = { stdin: 'attachable', stdout: 'attachable', stderr: 'attachable' } as const;
  const echo = 'while read line; do echo "got $line"; echo "err $line" >&2; [ "$line" = quit ] && exit 5; done';

  const socket = (name: string): string => join(pod.pod, 'attach', 'app', name);

  function client(name: string): { read: () => string; connection: ReturnType<typeof connect>; ended: Promise<void> } {
    const connection = connect(socket(name));
    let text = '';
    connection.setEncoding('utf8').on('data', (data: string) => {
      text += data;
    });
    connection.on('error', () => {});
    const ended = new Promise<void>((resolve) => connection.once('close', () => resolve()));
    return { read: () => text, connection, ended };
  }

  test('serves everybody attached, and those that come later', async () => {
    const run = pod.start(pod.plan([pod.app({ ...streams, script: echo })]));
    await until(() => existsSync(socket('stderr')));
    expect(['stdin', 'stdout', 'stderr'].map((name) => statSync(socket(name)).mode & 0o777)).toEqual([
      0o600, 0o600, 0o600,
    ]);
    const [one, two, errors] = [client('stdout'), client('stdout'), client('stderr')];
    for (const { connection } of [one, two, errors])
      await new Promise((resolve) => connection.once('connect', resolve));
    const input = client('stdin');
    input.connection.end('first\n');
    await until(() => one.read() === 'got first\n' && two.read() === one.read() && errors.read() === 'err first\n');
    await input.ended;
    two.connection.destroy();
    const again = client('stdin');
    again.connection.write('quit\n');
    await Promise.all([one.ended, errors.ended, again.ended]);
    expect([one.read(), errors.read()]).toEqual(['got first\ngot quit\n', 'err first\nerr quit\n']);
    expect(await run.ended).toEqual({ code: 5, stdout: '', stderr: '' });
    expect(logged('app').toString()).toBe('got first\ngot quit\n');
    expect(existsSync(socket('stdout'))).toBe(false);
  });

  test('cuts off who does not read, and waits for nobody', async () => {
    const run = pod.start(
      pod.plan([pod.app({ ...streams, script: 'read line; seq 1 400000; echo end' })], { logSize: 0 }),
    );
    await until(() => existsSync(socket('stderr')));
    const slow = client('stdout');
    await new Promise((resolve) => slow.connection.once('connect', resolve));
    slow.connection.pause();
    client('stdin').connection.end('go\n');
    expect((await run.ended).code).toBe(0);
    expect(logged('app').toString()).toBe(`${numbers(400_000)}end\n`);
    slow.connection.resume();
    await slow.ended;
    expect(slow.read().length).toBeGreaterThan(100_000);
    expect(numbers(400_000).startsWith(slow.read())).toBe(true);
  });

  test('lets those wait that send more than it reads', async () => {
    const run = pod.start(pod.plan([pod.app({ ...streams, script: 'read line; head -c 1000000 | wc -c' })]));
    await until(() => existsSync(socket('stderr')));
    const output = client('stdout');
    await new Promise((resolve) => output.connection.once('connect', resolve));
    client('stdin').connection.write('x'.repeat(600_000));
    client('stdin').connection.write('x'.repeat(600_000));
    // Without a newline the app reads on and on; both wait for it.
    const third = client('stdin');
    third.connection.write(`\n${'x'.repeat(1_100_000)}`);
    await output.ended;
    expect(output.read()).toBe('1000000\n');
    expect((await run.ended).code).toBe(0);
  });
});
