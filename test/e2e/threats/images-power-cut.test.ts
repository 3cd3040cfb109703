/**
 * Loss of power: layers are brought to disk behind the fetch. What had not got there is never served, but reported and fetched again.
 * A power cut is another boot of the machine, so the markers of the trees are given the name that another boot would have given them.
 */

import { existsSync, readdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { markerOf, rootfsOf, unsettledMarkerOf } from '../../../runtime/image/tree-check.ts';
import { tarOf } from '../../integration/image/archives.ts';
import { OciLayout } from '../../support/oci-layout.ts';
import { TestRegistry } from '../../support/registry.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { settled } from '../../support/settled.ts';

const insecure = '--insecure-options=image,http';
const otherBoot = 'complete-00000000-0000-4000-8000-000000000000';

let sandbox: Sandbox;
let registry: TestRegistry;
let id: string;
beforeAll(async () => {
  sandbox = await Sandbox.create();
  registry = await TestRegistry.start({ inside: ['nsenter', `--net=${sandbox.netns}`, '--'] });
  const layout = new OciLayout(join(sandbox.dir, 'layout'));
  const base = {
    tar: tarOf([
      { path: 'bin/', type: 'directory' },
      { path: 'bin/busybox', content: readFileSync('/bin/busybox'), mode: 0o755 },
      { path: 'bin/cat', type: 'hardlink', link: 'bin/busybox' },
    ]),
  };
  const top = { tar: tarOf([{ path: 'word', content: 'whole\n' }]) };
  layout.tag(layout.image({ layers: [base, top], config: { Entrypoint: ['/bin/cat', '/word'] } }), 'v1');
  registry.push(layout, 'v1', 'app');
});
afterAll(async () => {
  await registry.stop();
  await sandbox.destroy();
});

const images = (...parts: string[]): string => join(sandbox.dataDir, 'images', ...parts);
const trees = (): string[] => readdirSync(images('trees')).map((tree) => images('trees', tree));
const topTree = (): string => trees().find((tree) => existsSync(join(rootfsOf(tree), 'word'))) as string;
const fetched = () => sandbox.rkt([insecure, 'fetch', '--full', registry.url('app:v1')]);
const downloads = (stderr: string): number =>
  stderr.split('\n').filter((line) => line.startsWith('Downloading')).length;

beforeEach(async () => {
  id = fetched().stdout.trim();
  await settled(trees());
});

test('what is on disk is used after another boot', () => {
  expect(trees().map((tree) => readdirSync(tree).toSorted())).toEqual(Array(2).fill(['complete', 'rootfs']));
  expect(sandbox.ok(['run', id])).toBe('whole\n');
});

test('a layer of this boot is used before it is on disk, and is settled by whoever uses it', async () => {
  renameSync(markerOf(topTree()), unsettledMarkerOf(topTree()));
  expect(sandbox.ok(['run', id])).toBe('whole\n');
  await settled(trees());
});

test.each(['cut short', 'as it was'])('a layer of another boot, %s, is not served, but fetched again', (state) => {
  const tree = topTree();
  renameSync(markerOf(tree), join(tree, otherBoot));
  if (state === 'cut short') truncateSync(join(rootfsOf(tree), 'word'));
  const refused = sandbox.rkt(['run', id]);
  expect(refused.stdout).toBe('');
  expect(refused.stderr).toContain(`image ${id}: a layer of it is missing from the store\n`);
  expect(refused.stderr).toContain('fetch the image again');
  expect(sandbox.rkt(['image', 'verify', id])).toMatchObject({
    status: 254,
    stderr: expect.stringContaining('is damaged or missing'),
  });

  const again = fetched();
  expect({ id: again.stdout.trim(), downloads: downloads(again.stderr) }).toEqual({ id, downloads: 1 });
  expect(sandbox.ok(['run', id])).toBe('whole\n');
});

test('what is named by where it comes from is fetched again by itself', () => {
  const tree = topTree();
  renameSync(markerOf(tree), join(tree, otherBoot));
  truncateSync(join(rootfsOf(tree), 'word'));
  const { stdout, stderr } = sandbox.rkt([insecure, 'run', registry.url('app:v1')]);
  expect({ stdout, downloads: downloads(stderr) }).toEqual({ stdout: 'whole\n', downloads: 1 });
});

test('a layer that is gone, or of which only the marker is left, is fetched again', () => {
  const tree = topTree();
  renameSync(rootfsOf(tree), join(sandbox.dir, `rootfs-${Date.now()}`));
  expect(downloads(fetched().stderr)).toBe(1);
  expect(sandbox.ok(['run', id])).toBe('whole\n');
});

test('a record without content is reported, and written again', () => {
  writeFileSync(images('info', id), '');
  expect(sandbox.rkt(['run', id]).stderr).toContain(`image ${id}: the store's record of it is damaged\n`);
  expect(fetched().stdout.trim()).toBe(id);
  expect(sandbox.ok(['run', id])).toBe('whole\n');
});

test('rkt prepare waits until the layers of its pod are on disk', () => {
  for (const tree of trees()) renameSync(markerOf(tree), unsettledMarkerOf(tree));
  const uuid = sandbox.ok(['prepare', id]).trim();
  expect(trees().map((tree) => existsSync(markerOf(tree)))).toEqual([true, true]);
  expect(sandbox.ok(['run-prepared', uuid])).toBe('whole\n');
});
