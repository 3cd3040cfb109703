/** `rkt run --interactive`: the app has a terminal, which is relayed to the user's. */

import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { Sandbox } from '../support/sandbox.ts';
import { addTerminalApplets, Terminal } from '../support/terminal.ts';

const image = 'example.com/box';
let host: Sandbox;

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'box.aci');
  const app = { environment: [{ name: 'TERM', value: 'of-the-image' }] };
  await makeImage({ name: image, exec: ['/bin/sh'], output: file, app, prepare: addTerminalApplets });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

const interactive = (script: string, ...options: string[]): string[] => [
  ...['run', '--interactive', ...options, image, '--exec', '/bin/sh', '--', '-c', script],
];

test('the shell of an image is used as if it were one of the host', async () => {
  const terminal = Terminal.rkt(host, ['run', '--interactive', image]);
  await terminal.prints(/# /);
  terminal.type('echo "in=$(tty) $(stty size)"\n');
  await terminal.prints(/in=\/dev\/pts\/0 31 99/);
  terminal.type('sh -c "echo one; exec sleep 1000"\n');
  await terminal.prints(/\none\r/);
  terminal.type('\x03echo "was=$?"\n');
  await terminal.prints(/was=130/);
  terminal.type('exit 7\n');
  expect(await terminal.over()).toEqual({ code: 7, restored: true });
});

test('/dev/console and /dev/tty are the terminal, which belongs to the app’s user', async () => {
  const script = 'echo by console > /dev/console; echo by tty > /dev/tty; ls -l /dev/pts/0 /dev/console';
  const terminal = Terminal.rkt(host, interactive(script));
  expect(await terminal.over()).toEqual({ code: 0, restored: true });
  expect(terminal.stdout).toMatch(/by console\r\nby tty\r\n/);
  const devices = terminal.stdout.match(/^crw--w---- .* 136, +0 .*(console|pts\/0)\r$/gm);
  expect(devices).toHaveLength(2);
});

test('its type is that of the caller’s, whatever the image says, unless the user says another', async () => {
  const typeOf = async (...options: string[]): Promise<string | undefined> => {
    const script = interactive('echo "type=$TERM."', ...options);
    const terminal = Terminal.rkt(host, script, 'TERM=vt220; export TERM; rkt');
    await terminal.over();
    return /type=(\w*)\./.exec(terminal.stdout)?.[1];
  };
  expect(await typeOf()).toBe('vt220');
  expect(await typeOf('--inherit-env')).toBe('vt220');
  expect(await typeOf('--set-env=TERM=dumb')).toBe('dumb');
});

test('without a terminal of the caller’s the image’s type counts', () => {
  const { stdout } = host.rkt(interactive('echo "type=$TERM."'), { input: '', env: { TERM: 'vt220' } });
  expect(stdout).toBe('type=of-the-image.\n');
});

test('the size follows, and Ctrl-C is a character for the app', async () => {
  const script =
    'trap "stty size" WINCH; trap "echo interrupted; exit 3" INT; echo ready; while :; do sleep 0.05; done';
  const terminal = Terminal.rkt(host, interactive(script));
  await terminal.prints(/ready/);
  await terminal.resize(40, 120);
  await terminal.prints(/40 120/);
  terminal.type('\x03');
  expect(await terminal.over()).toEqual({ code: 3, restored: true });
  expect(terminal.stdout).toContain('interrupted');
});

test('^] three times kills the pod, whatever the app ignores', async () => {
  const terminal = Terminal.rkt(host, interactive('trap "" INT TERM HUP; echo ready; while :; do sleep 0.05; done'));
  await terminal.prints(/ready/);
  terminal.type('\x1d\x1d\x1d');
  expect(await terminal.over()).toEqual({ code: 137, restored: true });
});

test('no output is lost at the end', async () => {
  const terminal = Terminal.rkt(host, interactive('exec seq 1 30000'));
  expect((await terminal.over()).code).toBe(0);
  expect(terminal.stdout).toContain(Array.from({ length: 30000 }, (_, index) => `${index + 1}\r\n`).join(''));
});

test('without a terminal the app has the streams of rkt', () => {
  const { status, stdout } = host.rkt(interactive('tty; cat'), { input: 'piped\n' });
  expect([status, stdout]).toEqual([0, 'not a tty\npiped\n']);
});

test('is for one app', () => {
  expect(host.rkt(['run', '--interactive', image, '--name=a', '---', image, '--name=b'])).toMatchObject({
    status: 254,
    stderr: 'rkt: --interactive is for pods with one app, and this one has 2\n',
  });
});

test('the terminal is given back when the app could not be started', async () => {
  const terminal = Terminal.rkt(host, [
    'run',
    '--interactive',
    '--volume=v,kind=empty',
    image,
    '--mount=volume=v,target=/v',
    '--exec',
    '/v/nope',
  ]);
  expect(await terminal.over()).toEqual({ code: 254, restored: true });
  expect(terminal.stdout).toContain('rkt: app "box": executing "/v/nope": No such file or directory');
});
