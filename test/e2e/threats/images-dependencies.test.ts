/**
 * Dependencies that go in a circle, too deep or too wide, and directories over links (CVE-2016-8579): bounded, with a sentence;
 * replaced, never followed.
 */

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { busybox, shellApp, writeAci } from '../../support/acis.ts';
import { Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;

/** Imports an image whose dependencies may be missing: the store knows it, although fetching them fails. */
function store(name: string, dependencies: readonly string[], members: object = {}): void {
  const list = dependencies.map((imageName) => ({ imageName: `example.com/${imageName}` }));
  const file = writeAci(join(host.dir, `${name}.aci`), `example.com/${name}`, [], { dependencies: list, ...members });
  const script = `
    import { ImageStore } from '${join(import.meta.dirname, '../../../runtime/image/store.ts')}';
    import { quiet } from '${join(import.meta.dirname, '../../../runtime/base/log.ts')}';
    await ImageStore.open('${host.dataDir}').importFile('${file}', { verification: 'disabled', log: quiet });`;
  const { status, stderr } = host.exec([process.execPath, '--input-type=module-typescript', '-e', script]);
  if (status !== 0) throw new Error(stderr);
}

function refusal(...args: string[]): string {
  const { status, stdout, stderr } = host.rkt(args);
  expect([status, stdout]).toEqual([254, '']);
  return stderr.split('\n')[0] as string;
}

beforeAll(async () => {
  host = await Sandbox.create();
});

afterEach(() => {
  expect(host.uuids()).toEqual([]);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

test('a circle', () => {
  store('one', ['two'], shellApp('true'));
  store('two', ['one']);
  const circle = /^rkt: image example\.com\/one: its dependencies go in a circle: /;
  expect(refusal('run', '--pull-policy=never', 'example.com/one')).toMatch(circle);
  expect(refusal('image', 'render', 'example.com/one', join(host.dir, 'out'))).toMatch(circle);
  expect(readdirSync(host.dir)).not.toContain('out');
});

test('a chain of forty', () => {
  for (let at = 0; at < 40; at += 1) store(`n${at}`, at < 39 ? [`n${at + 1}`] : [], shellApp('true'));
  expect(refusal('run', '--pull-policy=never', 'example.com/n0')).toMatch(
    /: its dependencies are more than 32 levels deep$/,
  );
});

test('twice as many images on every level', () => {
  for (let at = 0; at < 20; at += 1) store(`w${at}`, at < 19 ? [`w${at + 1}`, `w${at + 1}`] : [], shellApp('true'));
  expect(refusal('image', 'render', 'example.com/w0', join(host.dir, 'out'))).toMatch(
    /: it consists of more than 500 parts$/,
  );
});

test('an image that others depend on is removed: the next run says what is missing', () => {
  store('below', []);
  store('above', ['below'], shellApp('true'));
  host.ok(['image', 'rm', 'example.com/below']);
  expect(refusal('run', '--pull-policy=never', 'example.com/above')).toContain('example.com/below');
});

test.each([
  ['overlay', []],
  ['copy', ['--no-overlay']],
] as const)('a directory over a link to the host is a directory, %s', (kind, options) => {
  const outside = join(host.dir, `outside-${kind}`);
  mkdirSync(outside);
  writeFileSync(join(outside, 'victim'), 'untouched');
  const specs = [...busybox(), { path: 'rootfs/data', type: 'symlink' as const, link: outside }];
  const base = writeAci(join(host.dir, 'base.aci'), `example.com/base-${kind}`, specs);
  const top = writeAci(
    join(host.dir, 'top.aci'),
    `example.com/top-${kind}`,
    [
      { path: 'rootfs/data/', type: 'directory' },
      { path: 'rootfs/data/victim', content: 'replaced' },
    ],
    {
      dependencies: [{ imageName: `example.com/base-${kind}` }],
      ...shellApp('cat /data/victim; readlink /data || echo " directory"'),
    },
  );
  host.ok(['-insecure-skip-verify', 'fetch', base]);
  expect(host.ok(['-insecure-skip-verify', 'run', ...options, top])).toBe('replaced directory\n');
  expect(host.exec(['cat', join(outside, 'victim')]).stdout).toBe('untouched');
  expect(readdirSync(outside)).toEqual(['victim']);
  host.ok(['gc', '--grace-period=0s']);
});
