/** Mistakes of a user: one clear sentence, exit code 254, and nothing left behind. */

import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { rktPath, Sandbox } from '../support/sandbox.ts';

let host: Sandbox;
const path = (name: string): string => join(host.dir, name);

/** Packs files as they are given into a tar, with whatever is wrong with them. */
function archive(name: string, files: Readonly<Record<string, string | null>>): string {
  const dir = path(`${name}.d`);
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(join(dir, content === null ? file : join(file, '..')), { recursive: true });
    if (content !== null) writeFileSync(join(dir, file), content);
  }
  host.exec([
    'tar',
    '-C',
    dir,
    '-cf',
    path(name),
    ...new Set(Object.keys(files).map((file) => file.split('/')[0] as string)),
  ]);
  return path(name);
}

const manifest = (fields: object): string =>
  JSON.stringify({ acKind: 'ImageManifest', acVersion: '0.8.11', name: 'example.com/bad', ...fields });

/** What `rkt` says when it refuses. */
function refusal(...args: string[]): string {
  const { status, stdout, stderr } = host.rkt(args);
  expect([status, stdout]).toEqual([254, '']);
  return stderr;
}

/** What `rkt fetch` says of a file, after the two lines that it says of every local file. */
function fetchRefusal(file: string): string {
  const [fetching, warning, ...rest] = refusal('-insecure-skip-verify', 'fetch', file).split('\n');
  expect([fetching, warning]).toEqual([
    `rkt: fetching image from ${file}`,
    'rkt: warning: signature verification has been disabled',
  ]);
  return rest.join('\n');
}

const cannotImport = (name: string, reason: string): string => `rkt: cannot import image ${path(name)}: ${reason}\n`;

beforeAll(async () => {
  host = await Sandbox.create();
  await makeImage({
    name: 'example.com/busybox',
    exec: ['/bin/true'],
    output: path('good.aci'),
    prepare: (rootfs) => writeFileSync(join(rootfs, 'manual.txt'), 'no program'),
  });
  host.ok(['-insecure-skip-verify', 'fetch', path('good.aci')]);
});

let images: string;
beforeEach(() => {
  images = host.exec(['find', join(host.dataDir, 'images')]).stdout;
});

afterEach(() => {
  expect(host.exec(['find', join(host.dataDir, 'images')]).stdout).toBe(images);
  expect(host.uuids()).toEqual([]);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

describe('images', () => {
  test('without the user switching verification off, nothing local is stored', () => {
    expect(refusal('fetch', path('good.aci'))).toBe(
      `rkt: image ${path('good.aci')}: its signature cannot be verified: there is no ${path('good.aci')}.asc\n` +
        'rkt: if you trust the file, switch verification off: -insecure-skip-verify or --insecure-options=image\n',
    );
    expect(refusal('run', path('good.aci'))).toContain('its signature cannot be verified: there is no ');
  });

  test('something that is not an ACI', () => {
    writeFileSync(path('text.aci'), 'this is no archive\n'.repeat(100));
    expect(fetchRefusal(path('text.aci'))).toBe(cannotImport('text.aci', 'it is no tar archive'));
  });

  test('damaged compression', () => {
    host.exec(['cp', path('good.aci'), path('short.aci')]);
    truncateSync(path('short.aci'), 100_000);
    expect(fetchRefusal(path('short.aci'))).toBe(
      cannotImport('short.aci', 'its gzip compression is damaged or cut short'),
    );
  });

  test('no manifest', () => {
    expect(fetchRefusal(archive('none.aci', { 'rootfs/bin': null }))).toBe(
      cannotImport('none.aci', 'it has no manifest'),
    );
  });

  test('an invalid manifest: the field is named', () => {
    const app = { exec: ['/a'], user: '0', group: '0', workingDirectory: 'relative' };
    const file = archive('field.aci', { manifest: manifest({ app }), 'rootfs/bin': null });
    expect(fetchRefusal(file)).toContain(
      'image manifest: app.workingDirectory: must be an absolute path, is "relative"',
    );
  });

  test('files beside manifest and rootfs', () => {
    const file = archive('extra.aci', { manifest: manifest({}), 'rootfs/bin': null, surplus: 'x' });
    expect(fetchRefusal(file)).toBe(cannotImport('extra.aci', '"surplus" is neither "manifest" nor inside "rootfs"'));
  });

  test('a file that does not exist', () => {
    expect(fetchRefusal('/nonexistent.aci')).toBe('rkt: cannot read image /nonexistent.aci: there is no such file\n');
  });

  test('an image that is not in the store', () => {
    const id = `sha512-${'0'.repeat(32)}`;
    expect(refusal('run', id)).toBe(
      `rkt: image "${id}" is not in the store\nrkt: see "rkt image list" for those that are; "rkt fetch" gets others\n`,
    );
    expect(refusal('run', '--pull-policy=never', 'example.com/unknown')).toBe(
      'rkt: image example.com/unknown is not in the store\nrkt: with --pull-policy=never it is not fetched\n',
    );
  });
});

describe('run', () => {
  const run = (...args: string[]): string => refusal('run', ...args);
  const busybox = 'example.com/busybox';

  test('bytes that are not UTF-8, which no manifest can hold', () => {
    const { status, stderr } = host.exec(['sh', '-c', `exec ${rktPath} run ${busybox} -- "$(printf '\\377')"`]);
    expect([status, stderr]).toEqual([
      254,
      'rkt: the command line is not valid UTF-8\nrkt: arguments and names cannot have other bytes: manifests are JSON\n',
    ]);
  });

  test('a name that is no domain: images of Docker have a scheme', () => {
    expect(refusal('run', 'localhost').split('\n').at(-2)).toBe(
      'rkt: for the image of a Docker registry, write docker://localhost',
    );
  });

  test('what would steer a terminal is shown, not sent', () => {
    expect(refusal('status', 'a\nb\x1b[31m')).toBe('rkt: no pod matches "a\\x0ab\\x1b[31m"\nrkt: see "rkt list"\n');
  });

  test.each([
    ['/bin/nope', 'rkt: app "busybox": executable "/bin/nope" not found in image example.com/busybox\n'],
    [
      'nope',
      'rkt: app "busybox": executable "nope" not found in image example.com/busybox along ' +
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n',
    ],
    ['/etc', 'rkt: app "busybox": executable "/etc" is a directory in image example.com/busybox\n'],
    [
      '/manual.txt',
      'rkt: app "busybox": executable "/manual.txt" has no execute permission in image example.com/busybox\n',
    ],
  ])('executable %s', (exec, message) => {
    expect(run(busybox, `--exec=${exec}`)).toBe(message);
  });

  test.each([
    [
      [`--volume=data,kind=hots,source=/x`],
      /--volume "data,kind=hots,source=\/x": "kind" must be host or empty, is "hots"/,
    ],
    [['--volume=data'], /--volume "data": "kind" is missing/],
    [['--volume=data,kind=host'], /--volume "data,kind=host": "source" is missing/],
    [['--volume=data,kind=host,source=/nonexistent'], /volume "data": source \/nonexistent: it does not exist/],
    [['--volume=Data,kind=empty'], /--volume "Data,kind=empty"/],
    [['--mount=volume=data'], /--mount "volume=data": "target" is missing/],
    [['--mount=volume=data,target=/x'], /there is no volume "data"/],
    [['--set-env=1=2'], /--set-env "1=2"/],
    [['--net=lan'], /--net: network "lan" is not configured/],
    [['--net=host', '--private-net'], /--net and --private-net cannot stand together/],
    [['--hostname=x\n6.6.6.6 evil'], /--hostname "x\\n6.6.6.6 evil": not a host name/],
    [['--insecure-options=constructor'], /invalid value "constructor" for --insecure-options/],
    [['--frobnicate'], /unknown option "--frobnicate" for "rkt run"/],
    [['--privat-net'], /did you mean --private-net\?/],
  ])('%j', (options, message) => {
    expect(run(...options, busybox)).toMatch(message);
  });

  test('a volume whose path goes through a symbolic link', () => {
    symlinkSync('/etc', path('link'));
    expect(run(`--volume=data,kind=host,source=${path('link')}`, busybox)).toBe(
      `rkt: volume "data": source ${path('link')}: it is a symbolic link\nrkt: name the real path\n`,
    );
    expect(run(`--volume=data,kind=host,source=${path('link')}/ssl`, busybox)).toContain(
      `source ${path('link')}/ssl: ${path('link')} is a symbolic link\n`,
    );
  });

  test('no image, and no root', () => {
    expect(run()).toBe('rkt: rkt run needs an image\nrkt: for example: rkt run ./app.aci\n');
    const user = host.exec(['setpriv', '--reuid=65534', '--clear-groups', rktPath, 'run', busybox]);
    expect(user).toMatchObject({
      status: 254,
      stderr: 'rkt: rkt run: must be run as root, not as user 65534\nrkt: try "sudo rkt run …"\n',
    });
  });
});
