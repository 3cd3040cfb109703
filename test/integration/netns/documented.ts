/** What docs/networking.md shows of nf_tables, to be compared with what the kernel lists. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A table as docs/networking.md shows it. */
export function documented(table: string): string {
  const page = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'networking.md'), 'utf8');
  const [, block] = new RegExp(`^\`\`\`\n(table ip ${table} \\{.*?)^\`\`\`$`, 'ms').exec(page) ?? [];
  if (block === undefined) throw new Error(`docs/networking.md shows no table ${table}`);
  return block;
}

/** The words of a ruleset; the elements of a set come in no order. */
export const words = (text: string): string[] => text.replaceAll(',', ' ').trim().split(/\s+/).sort();
