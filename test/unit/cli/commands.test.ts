import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { commands } from '../../../cli/commands/index.ts';
import { main } from '../../../cli/main.ts';
import { version } from '../../../runtime/base/version.ts';

const root = dirname(dirname(dirname(import.meta.dirname)));
const namesIn = (dir: string, suffix: string): string[] =>
  readdirSync(join(root, dir))
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))
    .sort();

async function rkt(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const status = await main(
    words,
    {},
    {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
    },
  );
  return { status, out, err };
}

describe('the set of commands', () => {
  const names = commands.map((entry) => entry.name).sort();

  test('is the set of files', () => {
    expect(namesIn('cli/commands', '.ts').filter((name) => name !== 'index')).toEqual(names);
  });

  test('is the set of documentation pages', () => {
    expect(namesIn('docs/commands', '.md')).toEqual(names);
  });

  test.each(commands)('$name loads, agrees with its entry and shows its usage', async ({ name, summary, load }) => {
    const command = await load();
    expect([command.name, command.summary]).toEqual([name, summary]);
    const { status, out } = await rkt('help', name);
    expect(status).toBe(0);
    expect(out).toContain(`\nUsage:\n  rkt ${`${name} ${command.usage}`.trim()}\n`);
  });

  test.each(commands)('every option of $name is on its page', async ({ name, load }) => {
    const { options, imageOptions = [] } = await load();
    const page = (command: string): string => readFileSync(join(root, 'docs', 'commands', `${command}.md`), 'utf8');
    // What others share with run is described once, on its page.
    const pages = name.startsWith('prepare') || name === 'run-prepared' ? page(name) + page('run') : page(name);
    for (const option of [...options, ...imageOptions]) {
      if (option.hidden !== true) expect(pages).toContain(`--${option.name}`);
    }
  });
});

describe('the command line as a whole', () => {
  test('versions', async () => {
    const { version: packaged } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(version).toBe(packaged);
    expect((await rkt('version')).out).toContain(`rkt Version: ${version}\nappc Version: 0.8.11\n`);
  });

  test('global options stand before or after the command', async () => {
    expect((await rkt('--help', 'gc')).out).toBe((await rkt('gc', '-help')).out);
  });

  test.each([
    [['cat-manifets'], 'rkt: unknown command "cat-manifets"\nrkt: did you mean "rkt cat-manifest"?\n'],
    [['status'], 'rkt: rkt status takes one UUID\n'],
    [['--dirr=/x', 'list'], 'rkt: unknown option "--dirr"\nrkt: did you mean --dir?\n'],
    [['list', '--dir=relative'], 'rkt: --dir must be an absolute path, is "relative"\n'],
  ])('%j fails with 254 and a sentence', async (words, err) => {
    expect(await rkt(...words)).toEqual({ status: 254, out: '', err });
  });

  test('no command at all is a mistake, asking for help is not', async () => {
    expect((await rkt()).status).toBe(254);
    expect((await rkt('--help')).status).toBe(0);
  });
});
