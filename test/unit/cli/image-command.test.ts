/** What is below `rkt image`: files, entries and documentation agree. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { command } from '../../../cli/commands/image.ts';

const root = dirname(3);
function dirname(levels: number): string {
  return join(import.meta.dirname, ...Array<string>(levels).fill('..'));
}

const entries = command.subcommands ?? [];

describe('rkt image', () => {
  test('has a file for every command', () => {
    const files = readdirSync(join(root, 'cli/commands/image')).map((file) => file.replace(/\.ts$/, ''));
    // What the commands share.
    expect(files.filter((file) => file !== 'stored').toSorted()).toEqual(entries.map(({ name }) => name).toSorted());
  });

  test.each(entries)(
    '$name agrees with its entry and is on the page with all its options',
    async ({ name, summary, load }) => {
      const loaded = await load();
      expect([loaded.name, loaded.summary]).toEqual([`image ${name}`, summary]);
      const page = readFileSync(join(root, 'docs/commands/image.md'), 'utf8');
      expect(page).toContain(
        `(#${name === 'extract' || name === 'render' ? 'extract-and-render' : name}) | ${summary} |`,
      );
      for (const option of loaded.options) expect(page).toContain(`--${option.name}`);
    },
  );
});
