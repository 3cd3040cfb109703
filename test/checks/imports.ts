/**
 * Fails where a source imports what its part may not import, or where imports go in a circle (ARCHITECTURE.md, "Parts").
 * `--graph` prints the edges between parts instead.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const root = dirname(dirname(import.meta.dirname));

/** What each part may import besides itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  native: [],
  'runtime/base': [],
  'runtime/appc': ['runtime/base'],
  netns: ['native', 'runtime/base'],
  'runtime/image': ['runtime/appc', 'runtime/base', 'native'],
  'runtime/stage1': ['runtime/appc', 'runtime/base', 'runtime/image', 'netns', 'native'],
  'runtime/pod': ['runtime/stage1', 'runtime/image', 'runtime/appc', 'runtime/base', 'netns', 'native'],
  'metadata-service': ['runtime/appc', 'runtime/base', 'netns', 'native'],
  cli: ['runtime/pod', 'runtime/stage1', 'runtime/image', 'runtime/appc', 'runtime/base'],
};

/** The one file that may load the metadata service. */
const serviceLoader = 'cli/commands/metadata-service.ts';

const partOf = (file: string): string | undefined =>
  Object.keys(allowed).find((part) => file.startsWith(`${part}/`)) ?? undefined;

function sources(dir: string): string[] {
  return readdirSync(join(root, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !file.includes('/build/'));
}

interface Import {
  readonly target: string;
  /** `import()`: loaded later, so it cannot close a circle. */
  readonly lazy: boolean;
}

/** Relative imports of a file, as paths below the root. Type imports count: they are edges of the design all the same. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const found = text.matchAll(/(?:from|import)\s*(\(?)\s*'(\.[^']+)'/g);
  return [...found].map(([, lazy, path]) => ({
    target: relative(root, join(root, dirname(file), path as string)),
    lazy: lazy === '(',
  }));
}

const files = ['native', 'netns', 'runtime', 'metadata-service', 'cli'].flatMap(sources);
const graph = new Map(files.map((file) => [file, importsOf(file)]));
const problems: string[] = [];
const edges = new Map<string, number>();

for (const [file, imports] of graph) {
  const from = partOf(file);
  for (const { target } of imports) {
    const to = partOf(target);
    if (from === undefined || to === undefined) {
      problems.push(`${file} imports ${target}, which belongs to no part`);
      continue;
    }
    if (from === to) continue;
    edges.set(`${from} → ${to}`, (edges.get(`${from} → ${to}`) ?? 0) + 1);
    const loadsService = to === 'metadata-service' && file === serviceLoader;
    if (!loadsService && !(allowed[from] ?? []).includes(to)) problems.push(`${file} may not import ${target}`);
  }
}

/** Depth-first search for a way back; each circle is reported once, from where it was entered. */
function findCircles(): void {
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) {
      problems.push(`circle: ${[...way.slice(way.indexOf(file)), file].join(' → ')}`);
      return;
    }
    if (done.has(file)) return;
    for (const { target, lazy } of graph.get(file) ?? []) {
      if (!lazy) visit(target, [...way, file]);
    }
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
}
findCircles();

if (process.argv.includes('--graph')) {
  for (const [edge, count] of [...edges].sort()) console.log(`${edge} (${count})`);
}
for (const problem of problems) console.error(`imports: ${problem}`);
if (problems.length === 0) console.log(`imports: ${files.length} files, no forbidden edge, no circle`);
process.exitCode = problems.length === 0 ? 0 : 1;
