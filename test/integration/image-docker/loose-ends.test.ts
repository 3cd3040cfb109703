/** Layers that are only whole with those below them: links to files there, directories that are described there only. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ImageInfo } from '../../../runtime/image/image-info.ts';
import { renderStack } from '../../../runtime/image/render/index.ts';
import { rootfsOf } from '../../../runtime/image/tree-check.ts';
import { TestRegistry } from '../../support/registry.ts';
import { type Spec, tarOf } from '../image/archives.ts';
import { Workplace } from './fetching.ts';

const directory = (path: string, members: Partial<Spec> = {}): Spec => ({ path, type: 'directory', ...members });
const file = (path: string, content = path, members: Partial<Spec> = {}): Spec => ({ path, content, ...members });
const link = (path: string, target: string): Spec => ({ path, type: 'hardlink', link: target });

let registry: TestRegistry;
beforeAll(async () => {
  registry = await TestRegistry.start();
});
afterAll(() => registry.stop());

/** An image of these layers, the lowest first, in the registry. */
function push(place: Workplace, tag: string, layers: readonly (readonly Spec[])[]): string {
  place.layout.tag(place.layout.image({ layers: layers.map((specs) => ({ tar: tarOf(specs) })) }), tag);
  registry.push(place.layout, tag, 'loose');
  return registry.url(`loose:${tag}`);
}

/** What the kernel shows of an image: path, type, mode, owner, time, number of names and content's first word of each file. */
function shown(place: Workplace, info: ImageInfo): string[] {
  const target = join(place.dir, 'merged');
  mkdirSync(target, { recursive: true });
  const lowers = place.store.lowers(info);
  const script =
    'mount -t overlay overlay -o "lowerdir=$1" "$2" && cd "$2" && ' +
    'find . -mindepth 1 -printf "%P %y %m %U:%G %T@ %n " \\( -type f -exec head -c 20 {} \\; -printf "\\n" -o -printf "\\n" \\) | sort';
  // One directory alone cannot be stacked.
  mkdirSync(join(place.dir, 'nothing'), { recursive: true });
  const stack = [...lowers, join(place.dir, 'nothing')].join(':');
  const args = ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', stack, target];
  const lines = execFileSync('unshare', args, { encoding: 'utf8' }).trim().split('\n');
  // How many names a directory has differs between file systems.
  return lines.map((line) =>
    line
      .replaceAll('.0000000000', '')
      .replace(/( d .*) [0-9]+ $/, '$1')
      .trim(),
  );
}

const time = 1_000_000_000;

describe('directories that a layer does not mention', () => {
  const base = [
    directory('tmp/', { mode: 0o1777 }),
    directory('home/', { mode: 0o711 }),
    directory('home/me/', { mode: 0o700, uid: 5, gid: 6, xattrs: new Map([['user.kept', Buffer.from('yes')]]) }),
    directory('gone/', { mode: 0o750 }),
  ];

  test('look as the layers below say', async () => {
    using place = new Workplace();
    const info = await place.fetch(push(place, 'dirs', [base, [file('tmp/a'), file('home/me/b')], [file('tmp/c')]]));
    expect(shown(place, info)).toEqual([
      `gone d 750 0:0 ${time}`,
      `home d 711 0:0 ${time}`,
      `home/me d 700 5:6 ${time}`,
      `home/me/b f 644 0:0 ${time} 1 home/me/b`,
      `tmp d 1777 0:0 ${time}`,
      `tmp/a f 644 0:0 ${time} 1 tmp/a`,
      `tmp/c f 644 0:0 ${time} 1 tmp/c`,
    ]);
    expect(place.store.verify(info)).toEqual([]);
    // A copy of it is the same.
    const copy = join(place.dir, 'copy');
    renderStack(place.store.stackOf(info), (tree) => rootfsOf(place.store.treeDir(tree)), copy);
    expect(statSync(join(copy, 'tmp')).mode & 0o7777).toBe(0o1777);
    expect(statSync(join(copy, 'home/me'))).toMatchObject({ uid: 5, gid: 6 });
  });

  test('the layer itself is shared by images on other bases', async () => {
    using place = new Workplace();
    const layer = [file('tmp/a')];
    const first = await place.fetch(push(place, 'here', [base, layer]));
    expect(place.downloaded()).toHaveLength(2);
    const other = await place.fetch(push(place, 'there', [[directory('tmp/', { mode: 0o755, uid: 9 })], layer]));
    expect(place.downloaded()).toHaveLength(1);
    expect(shown(place, first)).toContain(`tmp d 1777 0:0 ${time}`);
    expect(shown(place, other)).toEqual([`tmp d 755 9:0 ${time}`, `tmp/a f 644 0:0 ${time} 1 tmp/a`]);
    expect(other.layers[1]).toBe(first.layers[1]);
  });

  test('stay as they are described where the layer describes them, and between', async () => {
    using place = new Workplace();
    const deep = [
      directory('a/', { mode: 0o701 }),
      directory('a/b/', { mode: 0o702 }),
      directory('a/b/c/', { mode: 0o703 }),
    ];
    const info = await place.fetch(push(place, 'deep', [deep, [directory('a/b/', { mode: 0o770 }), file('a/b/c/x')]]));
    expect(shown(place, info).slice(0, 3)).toEqual([
      `a d 701 0:0 ${time}`,
      `a/b d 770 0:0 ${time}`,
      `a/b/c d 703 0:0 ${time}`,
    ]);
  });

  test('that are removed and come again are new', async () => {
    using place = new Workplace();
    const layers = [[...base, file('gone/old')], [file('.wh.gone', ''), file('gone/new')], [file('gone/more')]];
    const info = await place.fetch(push(place, 'again', layers));
    expect(shown(place, info)).toEqual(
      expect.arrayContaining([
        'gone d 755 0:0 0',
        `gone/more f 644 0:0 ${time} 1 gone/more`,
        `gone/new f 644 0:0 ${time} 1 gone/new`,
      ]),
    );
    expect(shown(place, info).join('\n')).not.toContain('gone/old');
  });
});

describe('hard links to files of lower layers', () => {
  const tool = file('bin/tool', 'tool', { mode: 0o4755, uid: 3, gid: 4 });
  const base = [directory('bin/', { mode: 0o751 }), tool, directory('opt/', { mode: 0o700 })];

  test('are two names of one file, with its properties', async () => {
    using place = new Workplace();
    const layers = [base, [link('bin/again', 'bin/tool'), link('opt/more', '/bin/again'), file('opt/x')]];
    const info = await place.fetch(push(place, 'link', layers));
    expect(shown(place, info)).toEqual([
      `bin d 751 0:0 ${time}`,
      `bin/again f 4755 3:4 ${time} 3 tool`,
      `bin/tool f 4755 3:4 ${time} 3 tool`,
      `opt d 700 0:0 ${time}`,
      `opt/more f 4755 3:4 ${time} 3 tool`,
      `opt/x f 644 0:0 ${time} 1 opt/x`,
    ]);
    expect(place.store.verify(info)).toEqual([]);
    place.downloaded();
    expect((await place.fetch(registry.url('loose:link'))).id).toBe(info.id);
    expect(place.downloaded()).toEqual([]);
    expect(readdirSync(place.store.paths.tmp)).toEqual([]);
  });

  test('keep the content where the layer replaces or removes the old name', async () => {
    using place = new Workplace();
    const replaced = [link('bin/old', 'bin/tool'), file('bin/tool', 'new')];
    const removed = [link('bin/second', 'bin/old'), file('bin/.wh.old', '')];
    const info = await place.fetch(push(place, 'replaced', [base, replaced, removed]));
    expect(shown(place, info).filter((line) => line.startsWith('bin/'))).toEqual([
      `bin/second f 4755 3:4 ${time} 1 tool`,
      `bin/tool f 644 0:0 ${time} 1 new`,
    ]);
  });

  test('belong to what lies below: the same layer elsewhere has the other file', async () => {
    using place = new Workplace();
    const layer = [link('copy', 'bin/tool')];
    const first = await place.fetch(push(place, 'one', [base, layer]));
    const second = await place.fetch(push(place, 'two', [[file('bin/tool', 'other')], layer]));
    expect(shown(place, first)).toContain(`copy f 4755 3:4 ${time} 2 tool`);
    expect(shown(place, second)).toContain(`copy f 644 0:0 ${time} 2 other`);
  });

  test.each([
    ['nothing', [link('x', 'bin/nothing')], '"x" is a hard link to "bin/nothing", which does not stand before it'],
    ['a directory', [link('x', 'bin')], '"x" is a hard link to a directory'],
    ['what is beyond a link', [link('x', 'l/tool')], '"x" is a hard link to "l/tool", which does not stand before it'],
    ['a file, twice', [link('x', 'bin/tool'), file('x')], '"x" stands in it twice'],
    [
      'what an opaque directory hides',
      [file('bin/.wh..wh..opq', ''), link('x', 'bin/tool')],
      '"x" is a hard link to "bin/tool", which does not stand before it',
    ],
    [
      'a path that a link of the layer leads out of the image',
      [link('x', 'etc/passwd'), { path: 'etc', type: 'symlink', link: '/etc' } as Spec],
      '"x" is a hard link to "etc/passwd", which does not stand before it',
    ],
  ])('to %s are refused', async (_what, layer, reason) => {
    using place = new Workplace();
    const below = [...base, { path: 'l', type: 'symlink', link: 'bin' } as Spec];
    const url = push(place, 'refused', [below, layer]);
    expect(await place.refusal(url)).toMatch(new RegExp(`^EIMAGE: .*: layer sha256:[0-9a-f]{64}: ${reason}$`));
    expect(existsSync(place.store.paths.info) ? readdirSync(place.store.paths.info) : []).toEqual([]);
  });
});
