/** `rkt enter` and `rkt exec` by people at a terminal and by scripts without one. */

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { type Running, Sandbox } from '../support/sandbox.ts';
import { addTerminalApplets, Terminal } from '../support/terminal.ts';

const image = 'example.com/box';
let host: Sandbox;
let pod: Running;
let uuid: string;

/** An app that lives until it is told to end. */
const idle = ['--exec', '/bin/sh', '--', '-c', 'echo up; read line'];

async function startPod(...apps: string[]): Promise<{ pod: Running; uuid: string }> {
  const known = new Set(host.uuids());
  const started = host.start(['run', ...apps]);
  await started.prints(/up/);
  return { pod: started, uuid: host.uuids().find((candidate) => !known.has(candidate)) as string };
}

async function endPod(running: Running): Promise<void> {
  running.child.stdin?.end('\n');
  await running.ended;
}

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'box.aci');
  await makeImage({
    name: image,
    exec: ['/bin/sh'],
    output: file,
    app: { workingDirectory: '/bin', environment: [{ name: 'GREETING', value: 'hello' }] },
    prepare: addTerminalApplets,
  });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
  ({ pod, uuid } = await startPod('--pod-name=boxes', image, ...idle));
});

afterAll(async () => {
  await endPod(pod);
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  await host.destroy();
});

describe('a command', () => {
  test('runs in the app with its environment and directory, by the beginning of the UUID', () => {
    const { status, stdout, stderr } = host.rkt([
      'exec',
      uuid.slice(0, 8),
      'sh',
      '-c',
      'echo $GREETING; pwd; hostname',
    ]);
    expect([status, stdout, stderr]).toEqual([0, `hello\n/bin\nrkt-${uuid}\n`, '']);
  });

  test('is started by the name of the pod as well', () => {
    expect(host.ok(['exec', 'boxes', 'echo', 'entered'])).toBe('entered\n');
  });

  test('has variables and a directory of its own where they are given', () => {
    const options = ['--set-env=GREETING=hi', '--set-env', 'MORE=a b', '--working-dir=/etc'];
    expect(host.ok(['exec', ...options, uuid, 'sh', '-c', 'echo $GREETING $MORE; pwd'])).toBe('hi a b\n/etc\n');
  });

  test('reads standard input, and keeps standard error apart', () => {
    const { stdout, stderr } = host.rkt(['exec', uuid, 'sh', '-c', 'cat; echo err >&2'], { input: 'in and out\n' });
    expect([stdout, stderr]).toEqual(['in and out\n', 'err\n']);
  });

  test('ends rkt with its exit code, or with 128 and the signal', () => {
    expect(host.rkt(['exec', uuid, 'sh', '-c', 'exit 42']).status).toBe(42);
    expect(host.rkt(['exec', uuid, 'sh', '-c', 'kill -KILL $$']).status).toBe(137);
  });

  test('keeps its own options, and "--" before it is left out', () => {
    expect(host.ok(['exec', uuid, 'echo', '--app=x', '--', '-t'])).toBe('--app=x -- -t\n');
    expect(host.ok(['exec', uuid, '--', 'echo', '--', 'x'])).toBe('-- x\n');
  });

  test('is /bin/sh where none is given and the app has no bash', () => {
    expect(host.rkt(['enter', uuid], { input: 'echo $0\n' }).stdout).toBe('/bin/sh\n');
  });

  test('that is not there is named', () => {
    expect(host.rkt(['enter', uuid, '/nope'])).toEqual({
      status: 254,
      signal: null,
      stdout: '',
      stderr: 'rkt: entering app "box": executing "/nope": No such file or directory\n',
    });
  });

  test('gets the signals that rkt gets, and dies with rkt', async () => {
    const script = 'trap "echo got TERM; exit 9" TERM; echo in; while :; do sleep 0.05; done';
    const told = host.start(['exec', uuid, 'sh', '-c', script]);
    await told.prints(/in/);
    told.child.kill('SIGTERM');
    expect(await told.ended).toEqual({ status: 9, signal: null });
    expect(told.stdout).toBe('in\ngot TERM\n');
    const killed = host.start(['exec', uuid, 'sh', '-c', 'echo in; exec cat']);
    await killed.prints(/in/);
    killed.child.kill('SIGKILL');
    // The pipe of its standard output ends with the last process that has it.
    await killed.ended;
  });
});

describe('what cannot be entered', () => {
  const failure = (...args: string[]): string => host.rkt(args).stderr;

  test('is named: no such pod, no such app, several apps', async () => {
    expect(failure('enter', 'ffffffff-0000')).toBe('rkt: no pod matches "ffffffff-0000"\nrkt: see "rkt list"\n');
    expect(failure('enter', '--app=nope', uuid)).toBe(`rkt: pod ${uuid} has no app "nope"\nrkt: it has box\n`);
    const two = await startPod(
      ...[image, '--name=one', '--stdin=inherit', ...idle],
      ...['---', image, '--name=two', '--stdin=inherit', '--exec', '/bin/cat'],
    );
    expect(failure('enter', two.uuid)).toBe(
      `rkt: pod ${two.uuid} has several apps: one, two\nrkt: say which one with --app=NAME\n`,
    );
    expect(host.ok(['exec', '--app=two', two.uuid, 'sh', '-c', 'echo entered'])).toBe('entered\n');
    await endPod(two.pod);
  });

  test('a pod that has ended', async () => {
    const short = await startPod(image, ...idle);
    await endPod(short.pod);
    expect(failure('exec', short.uuid, 'true')).toBe(`rkt: pod ${short.uuid} is not running: it is exited\n`);
  });

  test('and exec wants a command, a full path as directory, and a variable with a value', () => {
    expect(failure('exec', uuid)).toBe(
      'rkt: rkt exec takes the UUID of a pod and a command\nrkt: for example: rkt exec 76dc6286 ps\n',
    );
    expect(failure('exec', '--working-dir=etc', uuid, 'true')).toBe(
      'rkt: --working-dir "etc" is not an absolute path\n',
    );
    expect(failure('exec', '--set-env=A', uuid, 'true')).toBe(
      'rkt: --environment "A": has no "=value"\nrkt: write NAME=VALUE\n',
    );
    expect(failure('exec', '--working-dir=/nope', uuid, 'true')).toBe(
      'rkt: entering app "box": entering the working directory /nope: No such file or directory\n',
    );
  });
});

describe('at a terminal', () => {
  test('the command has one of the pod, of the same size, and knows its name', async () => {
    const terminal = Terminal.rkt(host, ['enter', uuid]);
    await terminal.prints(/# /);
    terminal.type('echo "in=$(tty) $(stty size)"; exit 5\n');
    await terminal.prints(/in=\/dev\/pts\/\d+ 31 99/);
    expect(await terminal.over()).toEqual({ code: 5, restored: true });
  });

  test('the size follows', async () => {
    const script = 'trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.05; done';
    const terminal = Terminal.rkt(host, ['exec', uuid, 'sh', '-c', script]);
    await terminal.prints(/ready/);
    await terminal.resize(40, 120);
    await terminal.prints(/40 120/);
    expect(await terminal.over()).toEqual({ code: 0, restored: true });
  });

  test('Ctrl-C interrupts the command in the foreground, and Ctrl-Z stops it', async () => {
    const terminal = Terminal.rkt(host, ['enter', uuid, 'sh']);
    await terminal.prints(/# /);
    terminal.type('sh -c "echo one; exec sleep 1000"\n');
    await terminal.prints(/\none\r/);
    terminal.type('\x03echo "was=$?"\n');
    await terminal.prints(/was=130/);
    terminal.type('sh -c "echo two; exec sleep 1000"\n');
    await terminal.prints(/\ntwo\r/);
    terminal.type('\x1a');
    await terminal.prints(/Stopped/);
    terminal.type('kill -KILL %1; exec true\n');
    expect(await terminal.over()).toEqual({ code: 0, restored: true });
  });

  test('^] three times ends the command', async () => {
    const terminal = Terminal.rkt(host, ['exec', uuid, 'sh', '-c', 'trap "" HUP INT TERM; echo ready; exec cat']);
    await terminal.prints(/ready/);
    terminal.type('\x1d\x1d\x1d');
    expect(await terminal.over()).toEqual({ code: 137, restored: true });
  });

  test('it is given back when rkt is told to end, and when it is killed by a signal that nobody handles', async () => {
    for (const [signal, code] of [
      ['TERM', 143],
      ['ALRM', 142],
    ] as const) {
      const terminal = Terminal.rkt(host, ['exec', uuid, 'sh', '-c', 'echo ready; exec cat']);
      await terminal.prints(/ready/);
      host.exec(['pkill', `-${signal}`, '-P', String(shellOf(terminal))]);
      expect(await terminal.over()).toEqual({ code, restored: true });
    }
  });

  test('no output is lost at the end, and none is changed', async () => {
    const terminal = Terminal.rkt(host, ['exec', uuid, 'seq', '1', '30000']);
    expect((await terminal.over()).code).toBe(0);
    const numbers = Array.from({ length: 30000 }, (_, index) => `${index + 1}\r\n`).join('');
    expect(terminal.stdout).toContain(numbers);
  });

  test('a large paste arrives as it is', async () => {
    const script = 'stty raw -echo; echo ready; head -c 200000 | wc -c';
    const terminal = Terminal.rkt(host, ['exec', uuid, 'sh', '-c', script]);
    await terminal.prints(/ready/);
    terminal.type('0123456789'.repeat(20000));
    await terminal.prints(/200000/);
    expect(await terminal.over()).toEqual({ code: 0, restored: true });
  });

  test('streams that are no terminal pass through', async () => {
    const piped = Terminal.rkt(host, ['exec', uuid, 'sh', '-c', 'tty; tty 0<&1; cat'], 'echo piped | rkt');
    expect(await piped.over()).toEqual({ code: 0, restored: true });
    expect(piped.stdout).toMatch(/not a tty\r\n\/dev\/pts\/\d+\r\npiped\r\n/);
    const redirected = Terminal.rkt(host, ['exec', uuid, 'echo', 'line'], 'rkt > out; od -An -c out');
    expect(await redirected.over()).toEqual({ code: 0, restored: true });
    expect(redirected.stdout).toContain(' l   i   n   e  \\n\r\n');
  });

  test('a script can have one as well', () => {
    const { stdout } = host.rkt(['exec', '-it', uuid, 'sh', '-c', 'stty -echo; tty; stty size; cat'], { input: 'x\n' });
    expect(stdout).toMatch(/^(x\n)?\/dev\/pts\/\d+\n24 80\nx\n$/);
  });
});

/** The shell in which the terminal runs rkt. */
function shellOf(terminal: Terminal): number {
  const { stdout } = host.exec(['pgrep', '-P', String(terminal.pid)]);
  return Number(stdout.trim());
}
