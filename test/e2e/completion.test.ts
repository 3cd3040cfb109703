/** `rkt completion bash` in a real bash: what a user gets who presses the tabulator. */

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { rktPath, Sandbox } from '../support/sandbox.ts';

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

test.each([
  [['completion'], 'rkt: rkt completion needs the name of a shell\n'],
  [['completion', 'fish'], 'rkt: there is no completion for "fish"\n'],
])('%j is refused', (args, message) => {
  const { status, stderr } = host.rkt(args);
  expect([status, stderr]).toEqual([254, `${message}rkt: there is one for bash and one for zsh\n`]);
});
