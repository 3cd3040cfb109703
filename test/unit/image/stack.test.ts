/** The order of override (ace.md, Filesystem Setup), whose two examples stand here. */

import { describe, expect, test } from '@jest/globals';
import type { Dependency } from '../../../runtime/appc/dependencies.ts';
import { isRktError } from '../../../runtime/base/errors.ts';
import type { ImageInfo } from '../../../runtime/image/image-info.ts';
import { imagesOf, renderedId, stackOf } from '../../../runtime/image/stack.ts';

interface Shape {
  readonly dependsOn?: readonly string[];
  readonly whitelist?: readonly string[];
  readonly layers?: readonly string[];
}

/** Images that depend on each other as told; their ids are their names. */
function graph(shapes: Readonly<Record<string, Shape>>) {
  const images = new Map(
    Object.entries(shapes).map(([name, { dependsOn = [], whitelist = [], layers = [name] }]) => {
      const dependencies = dependsOn.map((imageName): Dependency => ({ imageName, labels: [] }));
      const manifest = { dependencies, pathWhitelist: [...whitelist] };
      return [name, { id: name, name, layers, manifest } as unknown as ImageInfo];
    }),
  );
  return (name: string) => stackOf(images.get(name) as ImageInfo, ({ imageName }) => images.get(imageName));
}

const order = (stack: readonly { tree: string }[]): string => stack.map(({ tree }) => tree).join(' ');

function errorOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isRktError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('the stack, topmost first', () => {
  test.each<[string, Record<string, Shape>, string]>([
    ['one image', { A: {} }, 'A'],
    ['A → [B, C], C → [D]', { A: { dependsOn: ['B', 'C'] }, B: {}, C: { dependsOn: ['D'] }, D: {} }, 'A C D B'],
    [
      'A → [B, C], B → [D], C → [D]',
      { A: { dependsOn: ['B', 'C'] }, B: { dependsOn: ['D'] }, C: { dependsOn: ['D'] }, D: {} },
      'A C D B D',
    ],
    ['an image in layers', { A: { dependsOn: ['B'] }, B: { layers: ['top', 'bottom'] } }, 'A top bottom'],
  ])('of %s', (_shape, shapes, expected) => expect(order(graph(shapes)('A'))).toBe(expected));

  test('names every image once', () => {
    const stack = graph({ A: { dependsOn: ['B', 'C'] }, B: { dependsOn: ['D'] }, C: { dependsOn: ['D'] }, D: {} })('A');
    expect(imagesOf(stack).map(({ name }) => name)).toEqual(['A', 'C', 'D', 'B']);
  });
});

describe('path whitelists', () => {
  test('apply to an image and to all below it', () => {
    const stack = graph({
      A: { dependsOn: ['B', 'C'] },
      B: { dependsOn: ['D'], whitelist: ['/b'] },
      C: { dependsOn: ['D'] },
      D: { whitelist: ['/d'] },
    })('A');
    expect(stack.map(({ tree, whitelists }) => [tree, whitelists])).toEqual([
      ['A', []],
      ['C', []],
      ['D', [['/d']]],
      ['B', [['/b']]],
      ['D', [['/b'], ['/d']]],
    ]);
  });

  test('and only they need a rendered tree, which has another name for everything that is different', () => {
    const of = (whitelist: string[], layers: string[]) => renderedId(graph({ A: { whitelist, layers } })('A'));
    expect(of([], ['A'])).toBeUndefined();
    expect(of(['/a'], ['A'])).toMatch(/^rendered-[0-9a-f]{128}$/);
    expect(new Set([of(['/a'], ['A']), of(['/b'], ['A']), of(['/a'], ['B']), of(['/a', '/b'], ['A'])]).size).toBe(4);
  });
});

describe('refused', () => {
  test.each<[string, Record<string, Shape>, string]>([
    ['a missing dependency', { A: { dependsOn: ['B'] } }, 'EDEPENDENCY: image A: its dependency B is not in the store'],
    [
      'a circle',
      { A: { dependsOn: ['B'] }, B: { dependsOn: ['C'] }, C: { dependsOn: ['B'] } },
      'EDEPENDENCY: image A: its dependencies go in a circle: A → B → C → B',
    ],
    [
      'an image that depends on itself',
      { A: { dependsOn: ['A'] } },
      'EDEPENDENCY: image A: its dependencies go in a circle: A → A',
    ],
    [
      'a long chain',
      Object.fromEntries(
        Array.from({ length: 40 }, (_, at) => [
          at === 0 ? 'A' : `n${at}`,
          at < 39 ? { dependsOn: [`n${at + 1}`] } : {},
        ]),
      ),
      'EDEPENDENCY: image A: its dependencies are more than 32 levels deep',
    ],
    [
      'twice the images on every level',
      Object.fromEntries(
        Array.from({ length: 30 }, (_, at) => [
          at === 0 ? 'A' : `n${at}`,
          at < 29 ? { dependsOn: [`n${at + 1}`, `n${at + 1}`] } : {},
        ]),
      ),
      'EDEPENDENCY: image A: it consists of more than 500 parts',
    ],
  ])('%s', (_name, shapes, expected) => expect(errorOf(() => graph(shapes)('A'))).toBe(expected));
});
