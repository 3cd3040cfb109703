/** `rkt completion` in the real shells: what a user gets who presses the tabulator. */

import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { Running, rktPath, Sandbox } from '../support/sandbox.ts';

// Images are made and pods started while other tests do the same.
jest.setTimeout(60_000);

let host: Sandbox;
let uuid: string;

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'app.aci');
  await makeImage({ name: 'example.com/app', exec: ['/bin/true'], output: file });
  host.ok(['-insecure-skip-verify', 'run', file]);
  uuid = host.uuids()[0] as string;
});
afterAll(() => host.destroy());

/** What bash offers for a line, given as the words that it makes of it; the last is being typed. */
function complete(...words: string[]): string[] {
  const script = `
    source <("$1" completion bash); shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }
    _rkt; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = host.exec(['bash', '-c', script, 'bash', rktPath, rktPath, ...words]);
  expect(stderr).toBe('');
  return stdout.trim().split('\n');
}

describe('bash', () => {
  test.each([
    [['vers'], ['version']],
    [['run-'], ['run-prepared']],
    [['--debug', 'imag'], ['image']],
    [['--di'], ['--dir=']],
    [
      ['image', 'ex'],
      ['export', 'extract'],
    ],
    [['image', 'list', '--fi'], ['--fields=']],
    [
      ['run', '--set-env'],
      ['--set-env=', '--set-env-file='],
    ],
    [['run', 'image', '--supp'], ['--supplementary-gids=']],
    [
      ['run', '--dir', '=', 'image', '--use'],
      ['--user=', '--user-annotation=', '--user-label=', '--user-config='],
    ],
    [['run', 'x', '--', '--us'], ['']],
    [['run', '--volume', '='], ['']],
  ])('%j', (words, offered) => {
    expect(complete(...words)).toEqual(offered);
  });

  test('images and pods', () => {
    expect(complete('run', 'exam')).toEqual(['example.com/app:1.0.0']);
    expect(complete('status', uuid.slice(0, 4))).toEqual([uuid]);
  });
});

test('zsh: every option of every command is there', () => {
  const script = host.ok(['completion', 'zsh']);
  expect(script).toMatch(/^#compdef rkt\n/);
  expect(script).toContain("'--supplementary-gids=:further group ids, instead of the image'\\''s'");
});

const shells = [
  { name: 'bash', start: 'bash --norc --noprofile -i', setup: 'source <(rkt completion bash)' },
  {
    name: 'zsh',
    start: 'zsh -f -i',
    setup: 'autoload -U compinit; compinit -u -D; bindkey -e; unsetopt prompt_sp; source <(rkt completion zsh)',
  },
  {
    name: 'zsh',
    how: 'from a directory of functions',
    start: 'zsh -f -i',
    setup:
      'mkdir -p f; rkt completion zsh > f/_rkt; fpath=($PWD/f $fpath); autoload -U compinit; compinit -u -D; bindkey -e',
  },
];

/** A shell at a terminal, with the completion in it, and somebody who types. */
async function shell({ start, setup }: { start: string; setup: string }): Promise<Running> {
  const env = { PATH: `${dirname(rktPath)}:${process.env.PATH}`, TERM: 'dumb', HOME: host.dir };
  const running = new Running(host.spawn(['script', '-qfec', start, '/dev/null'], ['pipe', 'pipe', 'pipe'], env));
  // The quotes keep what is typed from being taken for what is printed.
  running.child.stdin?.write(`PS1='> '; ${setup}; echo rea''dy\n`);
  await running.prints(/^ready\r?$/m);
  return running;
}

let typed = 0;

/** Types the beginning of a line, the tabulator, and one more letter; the line as it was before that. */
async function completed(running: Running, beginning: string): Promise<string> {
  const mark = `line${++typed}`;
  // The letter keeps the space that zsh would take back. To the start, to the end: the line becomes an argument of echo.
  running.child.stdin?.write(`${beginning}\tx\x01echo "${mark}''=\x05="\n`);
  return (await running.prints(new RegExp(`^${mark}''=(.*)x=\r?$`, 'm')))[1] as string;
}

for (const { name, how = 'at a terminal', ...given } of shells) {
  const there = existsSync(`/usr/bin/${name}`);
  (there ? describe : describe.skip)(`${name}, ${how}${there ? '' : `: ${name} is not installed (make tools)`}`, () => {
    let running: Running;

    beforeAll(async () => {
      running = await shell(given);
    });
    afterAll(async () => {
      running.child.stdin?.write('\x15exit\n');
      running.child.stdin?.end();
      await running.ended;
    });

    test.each([
      ['rkt vers', 'rkt version '],
      ['rkt run-', 'rkt run-prepared '],
      ['rkt --debug imag', 'rkt --debug image '],
      ['rkt image exp', 'rkt image export '],
      ['rkt image list --fi', 'rkt image list --fields='],
      ['rkt run image --supp', 'rkt run image --supplementary-gids='],
      ['rkt exec --no-', 'rkt exec --no-tty '],
      ['rkt run exam', 'rkt run example.com/app:1.0.0 '],
    ])('%s', async (beginning, line) => {
      expect(await completed(running, beginning)).toBe(line);
    });

    test('pods', async () => {
      expect(await completed(running, `rkt status ${uuid.slice(0, 4)}`)).toBe(`rkt status ${uuid} `);
    });

    test('files as the value of an option, and after it', async () => {
      writeFileSync(join(host.dir, 'values.env'), '');
      expect(await completed(running, 'rkt run --set-env-file=valu')).toBe('rkt run --set-env-file=values.env ');
      expect(await completed(running, 'rkt fetch --signature=x valu')).toBe('rkt fetch --signature=x values.env ');
    });

    test('several are listed', async () => {
      running.child.stdin?.write('rkt image ex\t\t\t');
      await running.prints(/export.*extract/s);
      running.child.stdin?.write('\x15');
    });
  });
}

test.each([
  [['completion'], 'rkt: rkt completion needs the name of a shell\n'],
  [['completion', 'fish'], 'rkt: there is no completion for "fish"\n'],
])('%j is refused', (args, message) => {
  const { status, stderr } = host.rkt(args);
  expect([status, stderr]).toEqual([254, `${message}rkt: there is one for bash and one for zsh\n`]);
});
