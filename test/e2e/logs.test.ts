/** What becomes of what apps print: `rkt run` with its options, and `rkt logs`. */

import { readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { busybox, shellApp, writeAci } from '../support/acis.ts';
import { type Result, type Running, rktPath, Sandbox } from '../support/sandbox.ts';

let host: Sandbox;

beforeAll(async () => {
  host = await Sandbox.create();
  const file = writeAci(
    join(host.dir, 'box.aci'),
    'example.com/box',
    [
      ...busybox(),
      ...['seq', 'sleep', 'head', 'tr', 'printf', 'env', 'wc'].map(
        (name) => ({ path: `rootfs/bin/${name}`, type: 'symlink', link: 'busybox' }) as const,
      ),
    ],
    shellApp('true'),
  );
  host.ok(['-insecure-skip-verify', 'fetch', file]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  expect(host.uuids()).toEqual([]);
});

afterAll(() => host.destroy());

interface AppSpec {
  readonly name?: string;
  readonly script: string;
  readonly options?: readonly string[];
}

const box = ({ name, script, options = [] }: AppSpec): string[] => [
  'example.com/box',
  ...(name === undefined ? [] : [`--name=${name}`]),
  ...options,
  ...['--exec', '/bin/sh', '--', '-c', script],
];

const podOf = (apps: readonly AppSpec[], ...options: string[]): string[] => [
  'run',
  ...options,
  ...apps.flatMap((app, index) => [...(index === 0 ? [] : ['---']), ...box(app)]),
];

function run(apps: readonly AppSpec[], ...options: string[]): Result & { uuid: string } {
  const file = join(host.dir, 'uuid');
  const result = host.rkt(podOf(apps, `--uuid-file-save=${file}`, ...options));
  return { ...result, uuid: readFileSync(file, 'utf8').trim() };
}

/** A pod that goes on until it reads a line. */
async function start(script: string, ...options: string[]): Promise<{ pod: Running; uuid: string }> {
  const pod = host.start(podOf([{ script: `echo begin; ${script}` }], ...options));
  await pod.prints(/begin\n/);
  const [uuid = ''] = host.uuids();
  return { pod, uuid };
}

const logs = (...args: string[]): Result => host.rkt(['logs', ...args]);
const numbers = (from: number, to: number): string =>
  `${Array.from({ length: to - from + 1 }, (_, i) => from + i).join('\n')}\n`;

describe('rkt run', () => {
  test('prefixes the lines of several apps with their names and processes, unless told otherwise', () => {
    const apps = ['one', 'two'].map((name) => ({ name, script: 'echo $$' }));
    const lines = run(apps).stdout.split('\n').slice(0, -1);
    expect(lines.map((line) => line.replace(/^(one|two)\[(\d+)\]: \2$/, '$1')).sort()).toEqual(['one', 'two']);
    expect(run(apps, '--prefix=never').stdout).toMatch(/^\d+\n\d+\n$/);
    expect(run([{ script: 'echo $$' }], '--prefix=always').stdout).toMatch(/^box\[(\d+)\]: \1\n$/);
  });

  test('gives its standard input to an only app, and to one of several that is to have it', () => {
    const cat = { script: 'cat' };
    expect(host.rkt(podOf([cat]), { input: 'hi\n' }).stdout).toBe('hi\n');
    expect(host.rkt(podOf([{ ...cat, options: ['--stdin=null'] }]), { input: 'hi\n' }).stdout).toBe('');
    const both = (options: readonly string[]): Result =>
      host.rkt(
        podOf(
          [
            { ...cat, name: 'one', options },
            { ...cat, name: 'two' },
          ],
          '--prefix=never',
        ),
        { input: 'hi\n' },
      );
    expect(both([]).stdout).toBe('');
    expect(both(['--stdin=inherit']).stdout).toBe('hi\n');
  });

  test('throws away what is not wanted', () => {
    const { stdout, stderr, uuid } = run([{ script: 'echo out; echo err >&2', options: ['--stdout=null'] }]);
    expect([stdout, stderr]).toEqual(['', 'err\n']);
    expect(logs(uuid)).toMatchObject({ status: 0, stdout: '', stderr: 'err\n' });
  });

  test('has streams as they were said when the pod was prepared, and prefixes as said when it is run', () => {
    const uuid = host
      .ok(['prepare', ...podOf([{ script: 'echo $$; echo err >&2', options: ['--stderr=null'] }]).slice(1)])
      .trim();
    const { stdout, stderr } = host.rkt(['run-prepared', '--prefix=always', uuid]);
    expect([stdout.replace(/^box\[(\d+)\]: \1$/m, 'as said'), stderr]).toEqual(['as said\n', '']);
    expect(logs('--stream=stderr', uuid).stderr).toBe('');
  });

  test('keeps logs within the limits that it was given', () => {
    const { uuid } = run([{ script: 'seq 1 20000' }], '--log-opt=max-size=16k', '--log-opt', 'max-file=3');
    const dir = join(host.dataDir, 'pods', 'run', uuid, 'logs');
    expect(readdirSync(dir).sort()).toEqual(['box.log', 'box.log.1', 'box.log.2']);
    const { stdout } = logs(uuid);
    expect(numbers(1, 20_000).endsWith(stdout)).toBe(true);
    expect(stdout.length).toBeGreaterThan(1000);
  });

  test.each([
    ['--stdout=file', 'rkt: invalid value "file" for --stdout\nrkt: it takes one of null, log, stream, tty\n'],
    ['--stdin=nul', 'rkt: invalid value "nul" for --stdin\nrkt: it takes one of null, inherit, stream, tty\n'],
    ['--prefix=all', 'rkt: invalid value "all" for --prefix\nrkt: it takes auto, always or never\n'],
    [
      '--log-opt=max-age=1',
      'rkt: unknown option "max-age" for --log-opt\nrkt: it takes max-size=SIZE and max-file=N\n',
    ],
  ])('refuses %s', (option, message) => {
    expect(host.rkt(['run', 'example.com/box', option])).toMatchObject({ status: 254, stderr: message });
  });
});

describe('rkt logs', () => {
  test('prints each stream where it belongs, with the bytes that there were', () => {
    const { uuid } = run([{ script: 'echo out; echo err >&2; printf "\\377\\000 no end"' }]);
    const result = host.exec(['sh', '-c', `exec "$0" logs ${uuid} | od -An -c | tr -s ' \\n' ' '`, rktPath]);
    expect(result.stdout.trim()).toBe('o u t \\n 377 \\0 n o e n d');
    expect(result.stderr).toBe('err\n');
    expect(logs('--stream=stderr', uuid)).toMatchObject({ stdout: '', stderr: 'err\n' });
    expect(logs('--stream=stdout', uuid).stderr).toBe('');
  });

  test('puts the lines of several apps in the order of their times', () => {
    const wait = (file: string): string => `until test -e /s/${file}; do sleep 0.01; done`;
    const { uuid } = run(
      [
        { name: 'a', script: `echo 1; touch /s/1; ${wait('2')}; echo 3; touch /s/3` },
        { name: 'b', script: `${wait('1')}; echo 2; touch /s/2; ${wait('3')}; echo 4` },
      ],
      '--volume=s,kind=empty',
      '--mount=volume=s,target=/s',
    );
    expect(logs(uuid).stdout).toBe('a: 1\nb: 2\na: 3\nb: 4\n');
    expect(logs('--prefix=never', uuid).stdout).toBe('1\n2\n3\n4\n');
    expect(logs('--app=b', uuid).stdout).toBe('2\n4\n');
    expect(logs('--app=b', '--prefix=always', '-n', '1', uuid).stdout).toBe('b: 4\n');
    expect(logs('--tail=3', uuid).stdout).toBe('b: 2\na: 3\nb: 4\n');
    expect(logs('--tail=0', uuid).stdout).toBe('');
    const stamped = logs('-t', uuid).stdout.split('\n');
    expect(stamped[1]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z b: 2$/);
    const [second = ''] = (stamped[1] as string).split(' ');
    expect(logs(`--since=${second}`, uuid).stdout).toBe('b: 2\na: 3\nb: 4\n');
    expect(logs(`--until=${second}`, uuid).stdout).toBe('a: 1\nb: 2\n');
    expect(logs(`--since=${second}`, '--tail=9', '--stream=stderr', uuid).stdout).toBe('');
    expect(logs('--since=1h', uuid).stdout).toBe('a: 1\nb: 2\na: 3\nb: 4\n');
    expect(logs('--until=1h', uuid).stdout).toBe('');
    host.ok(['gc']);
    expect(logs(uuid).stdout).toBe('a: 1\nb: 2\na: 3\nb: 4\n');
  });

  test('prints the last lines of a long log of many files', () => {
    const { uuid } = run(
      [{ script: 'seq 1 30000; seq 1 10 >&2' }],
      '--log-opt=max-size=64k',
      '--log-opt=max-file=1000',
    );
    expect(logs('--stream=stdout', '--tail=20000', uuid).stdout).toBe(numbers(10_001, 30_000));
    expect(logs('--tail=12', uuid)).toMatchObject({ stderr: numbers(1, 10), stdout: numbers(29_999, 30_000) });
    expect(logs('--tail=99999', uuid).stdout).toBe(numbers(1, 30_000));
    expect(logs(uuid).stdout).toBe(numbers(1, 30_000));
  });

  test('joins what a long line was cut into', () => {
    const { uuid } = run([
      { script: 'head -c 50000 /dev/zero | tr "\\0" x; echo; head -c 50000 /dev/zero | tr "\\0" y; echo' },
    ]);
    expect(logs(uuid).stdout).toBe(`${'x'.repeat(50_000)}\n${'y'.repeat(50_000)}\n`);
    expect(logs('-n', '1', uuid).stdout).toBe(`${'y'.repeat(50_000)}\n`);
  });

  test('follows a pod to its end, over all files of the log, without missing or repeating anything', async () => {
    const { pod, uuid } = await start(
      'read x; seq 1 50000; printf "no end"',
      '--log-opt=max-size=64k',
      '--log-opt=max-file=100',
    );
    const all = host.start(['logs', '-f', uuid]);
    const late = host.start(['logs', '-follow', '--tail=1', uuid]);
    await Promise.all([all.prints(/begin\n/), late.prints(/begin\n/)]);
    pod.child.stdin?.end('\n');
    for (const reader of [all, late]) {
      expect((await reader.ended).status).toBe(0);
      expect(reader.stdout).toBe(`begin\n${numbers(1, 50_000)}no end`);
      expect(reader.stderr).toBe('');
    }
    await pod.ended;
  });

  test('follows a pod that has printed nothing yet', async () => {
    const pod = host.start(podOf([{ script: 'read x; echo at last' }]));
    while (
      host.uuids().length === 0 ||
      host.rkt(['status', host.uuids()[0] as string]).stdout.includes('pid=') === false
    ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const reader = host.start(['logs', '-f', host.uuids()[0] as string]);
    const waits = (): boolean => {
      const fdinfo = `/proc/${reader.child.pid}/fdinfo`;
      try {
        return readdirSync(fdinfo).some((fd) => readFileSync(join(fdinfo, fd), 'utf8').includes('inotify wd:'));
      } catch {
        return false;
      }
    };
    while (!waits()) await new Promise((resolve) => setTimeout(resolve, 20));
    pod.child.stdin?.end('\n');
    expect((await reader.ended).status).toBe(0);
    expect(reader.stdout).toBe('at last\n');
    await pod.ended;
  });

  test('goes on with a pod that is moved meanwhile, and ends with what it had', async () => {
    const { pod, uuid } = await start('read x; echo end');
    const reader = host.start(['logs', '-f', uuid]);
    await reader.prints(/begin\n/);
    const pods = join(host.dataDir, 'pods');
    renameSync(join(pods, 'run', uuid), join(pods, 'exited-garbage', uuid));
    pod.child.stdin?.end('\n');
    expect((await reader.ended).status).toBe(0);
    expect(reader.stdout).toBe('begin\nend\n');
    await pod.ended;
  });

  test('ends when nobody reads it any more', async () => {
    const { pod, uuid } = await start('read x; seq 1 10');
    const reader = host.start(['logs', '-f', uuid]);
    await reader.prints(/begin\n/);
    reader.child.stdout?.destroy();
    pod.child.stdin?.end('\n');
    expect((await reader.ended).status).toBe(0);
    await pod.ended;
  });

  test('says what is wrong', () => {
    const { uuid } = run([{ script: 'true' }]);
    const mistake = (...args: string[]): string => {
      const { status, stderr } = logs(...args);
      expect(status).toBe(254);
      return stderr;
    };
    expect(mistake()).toBe('rkt: rkt logs takes one UUID\n');
    expect(mistake('--app=nope', uuid)).toBe(`rkt: pod ${uuid} has no app "nope"\nrkt: it has box\n`);
    expect(mistake('--tail=-1', uuid)).toBe(
      'rkt: invalid value "-1" for --tail\nrkt: it takes a number of lines, or all\n',
    );
    expect(mistake('--stream=in', uuid)).toBe('rkt: invalid value "in" for --stream\nrkt: it takes stdout or stderr\n');
    expect(mistake('--since=soon', uuid)).toContain(
      'rkt: invalid value "soon" for --since: neither a time nor a duration\n',
    );
    expect(mistake('ffffffff')).toContain('rkt: no pod matches "ffffffff"\n');
    expect(logs(uuid)).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });
});

describe('a pipe whose reader leaves', () => {
  /** What the reader got, and the codes of both. */
  const into = (reader: string, args: readonly string[]): string =>
    host.exec(['bash', '-c', `"$0" "$@" | ${reader}; echo "\${PIPESTATUS[*]}"`, rktPath, ...args]).stdout;
  const endless = 'while :; do echo y; done';

  test('ends rkt run as any pipeline', () => {
    expect(into('head -n 1', podOf([{ script: endless }]))).toBe('y\n141 0\n');
    const two = podOf([{ script: endless }, { name: 'other', script: 'sleep 1000' }]);
    expect(into('head -n 1', two)).toBe('box[2]: y\n141 0\n');
  });

  test('does not make an app start again that would have nobody to print to', () => {
    const script = 'echo y; echo y; echo y; exit 0';
    const file = join(host.dir, 'uuid');
    expect(into('true', podOf([{ script }], `--uuid-file-save=${file}`, '--restart=on-failure'))).toBe('0 0\n');
    expect(host.ok(['logs', `--uuid-file=${file}`])).toBe('y\ny\ny\n');
  });

  test('leaves in the log what was printed until it was noticed', () => {
    const file = join(host.dir, 'uuid');
    const script = 'trap "" PIPE; i=0; while echo $i 2>/dev/null; do i=$((i + 1)); done; exit 0';
    expect(into('head -n 1', podOf([{ script }], `--uuid-file-save=${file}`))).toBe('0\n0 0\n');
    const lines = host.ok(['logs', `--uuid-file=${file}`]).split('\n');
    expect(lines.slice(0, -1)).toEqual(Array.from({ length: lines.length - 1 }, (_, index) => String(index)));
  });
});
