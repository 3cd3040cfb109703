/** Whiteouts of every kind (docker2aci PR 105): the tree that the app sees is the one that the layers say, from a real registry. */

import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { type Spec, tarOf } from '../../integration/image/archives.ts';
import { busybox, shellApp, writeAci } from '../../support/acis.ts';
import { OciLayout } from '../../support/oci-layout.ts';
import { TestRegistry } from '../../support/registry.ts';
import { Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;
let registry: TestRegistry;
let count = 0;

beforeAll(async () => {
  host = await Sandbox.create();
  registry = await TestRegistry.start({ inside: ['nsenter', `--net=${host.netns}`, '--'] });
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
});

afterAll(async () => {
  await registry.stop();
  await host.destroy();
});

const dir = (path: string): Spec => ({ path: `${path}/`, type: 'directory' });
const file = (path: string, content = ''): Spec => ({ path, content });

/** What a script prints in a pod of an image with these layers, the lowest first, on top of busybox or with it inside. */
function run(layers: readonly (readonly Spec[])[], script: string, ...options: string[]): string {
  count += 1;
  const layout = new OciLayout(join(host.dir, `layout-${count}`));
  const config = { Entrypoint: ['/bin/sh', '-c', script] };
  layout.tag(layout.image({ layers: layers.map((specs) => ({ tar: tarOf(specs) })), config }), 'latest');
  registry.push(layout, 'latest', `test/image-${count}`);
  const name = `docker://${registry.host}/test/image-${count}:latest`;
  return host.ok(['--insecure-options=image,http', 'run', ...options, name]);
}

const list = 'cd /; for d in d n; do ls -a $d 2>&1; done; cat d/* 2>&1';

test.each([
  ['overlay', []],
  ['copy', ['--no-overlay']],
] as const)('of files, directories and hard links, %s', (_name, options) => {
  const lower = [
    ...busybox(''),
    dir('d'),
    file('d/target', 'content'),
    { path: 'd/hard', type: 'hardlink' as const, link: 'd/target' },
    file('d/gone'),
    dir('n'),
    dir('n/sub'),
    file('n/sub/x'),
  ];
  // The name that the content was first given goes; the content stays under the other.
  const upper = [file('d/.wh.target'), file('d/.wh.gone'), file('n/.wh.sub')];
  expect(run([lower, upper], list, ...options)).toBe('.\n..\nhard\n.\n..\ncontent');
});

test.each([
  ['overlay', []],
  ['copy', ['--no-overlay']],
] as const)('of everything in a directory, before and after what replaces it, %s', (_name, options) => {
  const lower = [...busybox(''), dir('d'), file('d/old', 'old'), dir('n'), file('n/old')];
  const upper = [
    dir('d'),
    file('d/.wh..wh..opq'),
    file('d/new', 'new'),
    dir('n'),
    file('n/own'),
    file('n/.wh..wh..opq'),
  ];
  expect(run([lower, upper], list, ...options)).toBe('.\n..\nnew\n.\n..\nown\nnew');
});

test('in the first layer hide nothing and are not seen', () => {
  const only = [
    ...busybox(''),
    dir('d'),
    file('d/.wh.x'),
    file('d/kept', 'kept'),
    dir('n'),
    file('n/.wh..wh..opq'),
    file('n/own'),
  ];
  expect(run([only], list)).toBe('.\n..\nkept\n.\n..\nown\nkept');
});

test('of something that the same layer brings lose against it', () => {
  const lower = [...busybox(''), dir('d'), file('d/f', 'old'), dir('n'), dir('n/sub'), file('n/sub/old')];
  const upper = [file('d/.wh.f'), file('d/f', 'new'), dir('n/sub'), file('n/sub/new'), file('n/.wh.sub')];
  expect(run([lower, upper], `${list}; ls n/sub`)).toBe('.\n..\nf\n.\n..\nsub\nnewnew\n');
});

test('in an ACI are files like any other', () => {
  const specs = [
    ...busybox(),
    { path: 'rootfs/d/', type: 'directory' as const },
    { path: 'rootfs/d/.wh.f' },
    { path: 'rootfs/d/f' },
  ];
  const aci = writeAci(join(host.dir, 'plain.aci'), 'example.com/plain', specs, shellApp('ls -A /d'));
  expect(host.ok(['-insecure-skip-verify', 'run', aci])).toBe('.wh.f\nf\n');
});
