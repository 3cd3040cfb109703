/** Volumes on targets and from sources that somebody else prepared (CVE-2021-30465): they stay in the root filesystem. */

import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { Sandbox } from '../../support/sandbox.ts';

// Images are made and pods started while other tests do the same.
jest.setTimeout(60_000);

let host: Sandbox;
let outside: string;
let source: string;
const image = 'example.com/links';

beforeAll(async () => {
  host = await Sandbox.create();
  outside = join(host.dir, 'outside');
  source = join(host.dir, 'source');
  for (const dir of [outside, source]) mkdirSync(dir);
  writeFileSync(join(source, 'file'), 'of the volume\n');
  const output = join(host.dir, 'links.aci');
  await makeImage({
    name: image,
    exec: ['/bin/true'],
    output,
    prepare: (rootfs) => {
      symlinkSync(`../../../../../../../../..${outside}`, join(rootfs, 'relative'));
      symlinkSync(outside, join(rootfs, 'absolute'));
      symlinkSync('/', join(rootfs, 'root'));
      symlinkSync('/no/where', join(rootfs, 'dangling'));
      symlinkSync('circle', join(rootfs, 'circle'));
      mkdirSync(join(rootfs, outside), { recursive: true });
    },
  });
  host.ok(['-insecure-skip-verify', 'fetch', output]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  expect(readdirSync(outside)).toEqual([]);
});

afterAll(() => host.destroy());

const mount = (target: string, text = 'true', from = source) =>
  host.rkt([
    'run',
    `--volume=v,kind=host,source=${from}`,
    `--mount=volume=v,target=${target}`,
    ...[image, '--exec=/bin/sh', '--', '-c', text],
  ]);

describe('targets', () => {
  test.each(['/relative', '/relative/deep', '/absolute', '/absolute/new/dir'])('%s stays inside', (target) => {
    expect(
      mount(target, `cat ${target}/file; cat ${target.replace(/^\/(relative|absolute)/, outside)}/file`).stdout,
    ).toBe('of the volume\nof the volume\n');
  });

  test.each([
    ['/root', 'the target is the root of the app'],
    ['/dangling', 'making /dangling in the root filesystem: it is a symbolic link that leads nowhere'],
    ['/circle', 'making /circle in the root filesystem: Too many levels of symbolic links'],
    ['/bin/busybox', 'the target: Not a directory'],
  ])('%s is refused', (target, reason) => {
    expect(mount(target)).toMatchObject({
      status: 254,
      stderr: `rkt: app "links": mounting volume ${source} on ${target}: ${reason}\n`,
    });
  });

  test('what overlaps is refused before anything is made, by whatever names', () => {
    const { status, stderr } = host.rkt([
      'run',
      `--volume=v,kind=host,source=${source}`,
      '--mount=volume=v,target=/a/./b/../c',
      '--mount=volume=v,target=/a//c/d/',
      image,
    ]);
    expect([status, stderr]).toEqual([
      254,
      'rkt: app "links": the mounts at /a/c and /a/c/d overlap\nrkt: mount them side by side\n',
    ]);
    expect(host.uuids()).toEqual([]);
  });
});

describe('sources', () => {
  test.each([
    ['missing', () => join(source, 'none'), 'it does not exist', 'rkt does not create it; mkdir it first'],
    ['a link', () => link('link', source), 'it is a symbolic link', 'name the real path'],
    ['below a link', () => join(link('above', host.dir), 'source'), 'above is a symbolic link', 'name the real path'],
  ])('%s', (_, make, reason, hint) => {
    const from = make();
    const { status, stderr } = mount('/v', 'true', from);
    expect(status).toBe(254);
    expect(stderr).toContain(`rkt: volume "v": source ${from}: `);
    expect(stderr).toContain(`${reason}\nrkt: ${hint}\n`);
    expect(host.uuids()).toEqual([]);
  });

  test('one that a running pod replaces by a link is refused by the next', async () => {
    const shared = join(host.dir, 'shared');
    mkdirSync(join(shared, 'data'), { recursive: true });
    // An app may do whatever it likes in a volume, so what another volume begins with there is not trusted.
    const swap = `mv /shared/data /shared/old && ln -s ${outside} /shared/data`;
    expect(mount('/shared', swap, shared).status).toBe(0);
    expect(mount('/v', 'touch /v/x', join(shared, 'data')).stderr).toContain(
      `source ${join(shared, 'data')}: it is a symbolic link\n`,
    );
  });
});

function link(name: string, to: string): string {
  const path = join(host.dir, name);
  symlinkSync(to, path);
  return path;
}
