/** What `rkt exec` and `rkt enter` can be told about a command: who runs it, with what around it, and with which terminal. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { type Running, Sandbox } from '../support/sandbox.ts';
import { addTerminalApplets, Terminal } from '../support/terminal.ts';

const image = 'example.com/box';
let host: Sandbox;
let pod: Running;
let uuid: string;

const passwd = ['root:x:0:0::/:/bin/sh', 'bob:x:1000:1001::/:/bin/sh', '77:x:0:0::/:/bin/sh', ''].join('\n');
const group = ['root:x:0:', 'bobs:x:1001:', 'staff:x:50:alice,bob', ''].join('\n');

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'box.aci');
  await makeImage({
    name: image,
    exec: ['/bin/sh'],
    output: file,
    app: {
      user: '500',
      group: '501',
      supplementaryGIDs: [502],
      environment: [{ name: 'TERM', value: 'of-the-image' }],
    },
    prepare: (rootfs) => {
      addTerminalApplets(rootfs);
      writeFileSync(join(rootfs, 'etc', 'passwd'), passwd);
      writeFileSync(join(rootfs, 'etc', 'group'), group);
    },
  });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
  pod = host.start(['run', '--uuid-file-save=uuid', image, '--exec', '/bin/sh', '--', '-c', 'echo up; read line']);
  await pod.prints(/up/);
  uuid = readFileSync(join(host.dir, 'uuid'), 'utf8').trim();
});

afterAll(async () => {
  pod.child.stdin?.end('\n');
  await pod.ended;
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  await host.destroy();
});

/** The effective user and group, and all further groups. */
const ids =
  'while read name first rest; do case $name in Uid:|Gid:) echo -n "$first ";; Groups:) echo $first $rest;; esac; done < /proc/self/status';
const shownBy = (...options: string[]): string => host.ok(['exec', ...options, uuid, 'sh', '-c', ids]).trim();
const refused = (...options: string[]): string => host.rkt(['exec', ...options, uuid, 'true']).stderr;

describe('the user', () => {
  test.each([
    ['is that of the app', [], '500 501 502'],
    ['by name, with the groups that the app knows them in', ['--user=bob'], '1000 1001 50'],
    ['by number, with the groups of the one who has it', ['--user=1000'], '1000 1001 50'],
    ['by a number that nobody has, and no group of others', ['--user=4242'], '4242 4242'],
    ['by the owner of a file', ['--user=/etc/passwd'], '0 0'],
    ['with a group that is given, and no other', ['--user=bob', '--group=staff'], '1000 50'],
    ['with groups that are given', ['--user=bob', '--supplementary-gids=7,8'], '1000 1001 7 8'],
    ['stays where only the group changes', ['--group=bobs'], '500 1001 502'],
    ['stays where only further groups change', ['--supplementary-gids=9'], '500 501 9'],
  ])('%s', (_how, options, shown) => {
    expect(shownBy(...options)).toBe(shown);
  });

  test('is the same by enter', () => {
    expect(host.rkt(['enter', '--user=bob', uuid], { input: `${ids}\n` }).stdout).toBe('1000 1001 50\n');
  });

  test('is looked up in the app as it is now', () => {
    const add = 'echo late:x:2000:2001::/:/bin/sh >> /etc/passwd';
    host.ok(['exec', '--user=0', uuid, 'sh', '-c', add]);
    expect(shownBy('--user=late')).toBe('2000 2001');
  });

  test.each([
    [
      ['--user=nobody-here'],
      'app "box": user "nobody-here": it is not in the app\'s /etc/passwd, and is not a number from 0 to 4294967294',
    ],
    [
      ['--group=x'],
      'app "box": group "x": it is not in the app\'s /etc/group, and is not a number from 0 to 4294967294',
    ],
    [['--user=77'], 'app "box": user "77": it is a number, but in the app\'s /etc/passwd a name of 0'],
    [['--user=/nope'], 'app "box": user "/nope": there is no such file in the app'],
    [
      ['--user=4294967295'],
      'app "box": user "4294967295": it is not in the app\'s /etc/passwd, and is not a number from 0 to 4294967294',
    ],
    [
      ['--user=-1'],
      'app "box": user "-1": it is not in the app\'s /etc/passwd, and is not a number from 0 to 4294967294',
    ],
    [['--user=bob:staff'], '--user "bob:staff" names more than a user\nrkt: the group is said with --group'],
    [
      ['--supplementary-gids=a'],
      '--supplementary-gids: "a" is not a number from 0 to 4294967294\nrkt: write numbers separated by commas',
    ],
  ])('%j is refused', (options, message) => {
    expect(refused(...options)).toBe(`rkt: ${message}\n`);
  });
});

test('a terminal belongs to whom the command runs as', () => {
  const script = 'stat -c "%u %a" $(tty); echo by name > $(tty)';
  expect(host.ok(['exec', '--tty', '--user=bob', uuid, 'sh', '-c', script])).toBe('1000 620\nby name\n');
});

describe('the environment', () => {
  test('is set by --environment, and by its other name', () => {
    const options = ['--environment=A=1', '--environment', 'B=2 3', '--set-env=C=', '--working-dir=/etc'];
    expect(host.ok(['exec', ...options, uuid, 'sh', '-c', 'echo "$A $B [$C] $PWD"'])).toBe('1 2 3 [] /etc\n');
    for (const [given, last] of [
      [['--environment=A=1', '--set-env=A=2'], '2'],
      [['--set-env=A=2', '--environment=A=1'], '1'],
    ] as const) {
      expect(host.ok(['exec', ...given, uuid, 'sh', '-c', 'echo "$A"'])).toBe(`${last}\n`);
    }
    expect(refused('--environment=A')).toBe('rkt: --environment "A": has no "=value"\nrkt: write NAME=VALUE\n');
  });

  test('has the type of the terminal that is relayed, and the image’s where none is', async () => {
    const command = [uuid, 'sh', '-c', 'echo "type=$TERM"'];
    const env = { TERM: 'of-the-caller' };
    expect(host.rkt(['exec', ...command], { env }).stdout).toBe('type=of-the-image\n');
    expect(host.rkt(['exec', '--tty', ...command], { env }).stdout).toBe('type=of-the-image\n');
    const terminal = Terminal.rkt(host, ['exec', ...command], 'TERM=of-the-caller; export TERM; rkt');
    await terminal.over();
    expect(terminal.stdout).toContain('type=of-the-caller\r\n');
    const given = Terminal.rkt(host, ['exec', '--environment=TERM=given', ...command], 'TERM=x; export TERM; rkt');
    await given.over();
    expect(given.stdout).toContain('type=given\r\n');
  });
});

describe('an option that stands behind the UUID', () => {
  test.each(['exec', 'enter'])('is no command of rkt %s, but what the command says is its own', (name) => {
    for (const [word, option] of [
      ['--user=bob', '--user'],
      ['-user', '-user'],
      ['-it', '-it'],
      ['-t', '-t'],
      ['--detach', '--detach'],
    ] as const) {
      expect(host.rkt([name, uuid, word, 'id'])).toMatchObject({
        status: 254,
        stdout: '',
        stderr: `rkt: option ${option} stands where the command should\nrkt: options stand before the UUID: rkt ${name} [options] UUID CMD\n`,
      });
    }
    expect(host.ok([name, uuid, 'echo', '-t', '--user=bob'])).toBe('-t --user=bob\n');
    expect(host.ok([name, '--uuid-file=uuid', 'echo', '-t'])).toBe('-t\n');
    expect(host.rkt([name, uuid, '--unknown']).stderr).toBe(
      'rkt: entering app "box": executing "--unknown": No such file or directory\n',
    );
  });

  test('is -t as well, which help tells', () => {
    expect(host.ok(['exec', '-t', uuid, 'tty'])).toMatch(/^\/dev\/pts\/\d+\n$/);
    expect(host.ok(['help', 'exec'])).toMatch(/^ {2}-t, --tty {2}/m);
  });
});

test.each(['-d', '--detach'])('%s is refused: nothing runs in a pod of which nobody knows', (option) => {
  expect(refused(option)).toBe(
    `rkt: a command in a pod cannot be detached (${option}): it lives as long as its rkt\n` +
      'rkt: put rkt itself into the background: rkt exec UUID CMD < /dev/null > log 2>&1 &\n',
  );
});

test('too many further groups are refused, and by whose fault', () => {
  const many = Array.from({ length: 8193 }, (_, index) => index).join(',');
  expect(refused(`--supplementary-gids=${many}`)).toBe(
    'rkt: app "box": --supplementary-gids names 8193 groups, more than 8192\n',
  );
});

describe('--no-tty', () => {
  test('leaves a command without a terminal at one, with its streams apart and lines as they are typed', async () => {
    const script =
      'for fd in 0 1 2; do tty <&$fd; done; test -c /dev/tty && (: < /dev/tty) 2>&1; read a; echo "got $a"; cat; echo end >&2';
    const terminal = Terminal.rkt(host, ['exec', '--no-tty', uuid, 'sh', '-c', script]);
    await terminal.prints(/can't open \/dev\/tty/);
    terminal.type('one\n');
    await terminal.prints(/got one/);
    terminal.type('two\n\x04');
    expect(await terminal.over()).toEqual({ code: 0, restored: true });
    expect(terminal.stdout.match(/not a tty/g)).toHaveLength(3);
    expect(terminal.stdout).toMatch(/two\r\ntwo\r\nend\r\n/);
  });

  test('lets a command open its streams by name, whoever it runs as', async () => {
    const script = 'echo out > /dev/stdout; echo err > /dev/stderr; cat /dev/stdin';
    const terminal = Terminal.rkt(host, ['exec', '--no-tty', '--user=bob', uuid, 'sh', '-c', script]);
    await terminal.prints(/out\r\nerr\r\n/);
    terminal.type('\x04');
    expect((await terminal.over()).code).toBe(0);
  });

  test('interrupts by Ctrl-C, and loses no output', async () => {
    const waiting = Terminal.rkt(
      host,
      ['exec', '--no-tty', uuid, 'sh', '-c', 'trap "exit 9" INT; echo in; read x'],
      'trap : INT; rkt',
    );
    await waiting.prints(/in\r\n/);
    waiting.type('\x03');
    expect(await waiting.over()).toEqual({ code: 9, restored: true });
    const long = Terminal.rkt(host, ['exec', '--no-tty', uuid, 'seq', '1', '30000']);
    expect((await long.over()).code).toBe(0);
    expect(long.stdout).toContain(Array.from({ length: 30000 }, (_, index) => `${index + 1}\r\n`).join(''));
  });

  test('ends with the command, whoever it has left behind that still writes', async () => {
    const terminal = Terminal.rkt(host, ['exec', '--no-tty', uuid, 'sh', '-c', 'yes behind & echo last; exit 6']);
    expect(await terminal.over()).toEqual({ code: 6, restored: true });
    expect(terminal.stdout).toContain('last\r\n');
  });

  test('changes nothing where no stream is a terminal, and cannot stand beside --tty', () => {
    expect(host.rkt(['exec', '--no-tty', uuid, 'cat'], { input: 'x' }).stdout).toBe('x');
    expect(refused('--no-tty', '--tty')).toBe('rkt: --tty and --no-tty cannot stand together\n');
    expect(refused('--no-tty', '-it')).toBe('rkt: -it and --no-tty cannot stand together\n');
  });
});
