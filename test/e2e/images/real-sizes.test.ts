/** Images as large as those that people have: a Debian root, very many files, one very large file; and rkt killed while it fetches. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { rootfsOf } from '../../../runtime/image/tree-check.ts';
import { tarOf } from '../../integration/image/archives.ts';
import { OciLayout, sha256 } from '../../support/oci-layout.ts';
import { TestRegistry } from '../../support/registry.ts';
import { rktPath, Sandbox } from '../../support/sandbox.ts';

const insecure = '--insecure-options=image,http';

/** MiB that a fetch may need, whatever the image's size. */
const memoryLimit = 120;

let sandbox: Sandbox;
let registry: TestRegistry;
let layout: OciLayout;
beforeAll(async () => {
  sandbox = await Sandbox.create();
  registry = await TestRegistry.start({ inside: ['nsenter', `--net=${sandbox.netns}`, '--'] });
  layout = new OciLayout(join(sandbox.dir, 'layout'));
});
afterAll(async () => {
  await registry.stop();
  await sandbox.destroy();
});

const shell = (cwd: string, script: string): string =>
  execFileSync('bash', ['-euo', 'pipefail', '-c', script], { cwd, encoding: 'utf8', maxBuffer: 1 << 26 });

/** A directory of the test's own. */
function scratch(name: string): string {
  const path = join(sandbox.dir, name);
  mkdirSync(path);
  return path;
}

/** Puts an image of one compressed layer into the registry. */
function push(tag: string, blob: Buffer, compression: 'gzip' | 'zstd', diffId: string): string {
  const config = {
    os: 'linux',
    architecture: process.arch === 'x64' ? 'amd64' : 'arm64',
    config: { Cmd: ['/bin/sh', '-c', 'cat /etc/debian_version'] },
    rootfs: { type: 'layers', diff_ids: [diffId] },
  };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: layout.json(config, 'application/vnd.oci.image.config.v1+json'),
    layers: [layout.blob(blob, `application/vnd.oci.image.layer.v1.tar+${compression}`)],
  };
  layout.tag(layout.json(manifest, mediaType), tag);
  registry.push(layout, tag, 'real');
  return registry.url(`real:${tag}`);
}

/** Fetches and returns how much memory that took, in MiB. */
function fetchMeasured(url: string): number {
  const meter =
    'import os, resource, subprocess, sys\n' +
    'status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)\n' +
    'print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n' +
    'sys.exit(status)';
  const { status, stdout, stderr } = sandbox.exec(['python3', '-c', meter, rktPath, insecure, 'fetch', url]);
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  return Number(stdout) / 1024;
}

const treesDir = (): string => join(sandbox.dataDir, 'images', 'trees');
const treeOf = (diffId: string): string => rootfsOf(join(treesDir(), diffId.replace(':', '-')));

/** Everything that find(1) can say about a tree but the sizes of directories. */
const describeTree = (root: string): string =>
  shell(
    root,
    `find . -printf '%P %y %m %U:%G %T@ %l ' \\( -type d -printf '\\n' -o -printf '%s %n\\n' \\) | LC_ALL=C sort`,
  );

test('a Debian root filesystem, as debootstrap makes it', () => {
  const dir = scratch('debian');
  const mirror = /^URIs: *(\S+)|^deb (?:\[[^\]]*\] )?(\S+debian)\/? /m.exec(
    shell('/etc/apt', 'cat sources.list sources.list.d/* 2>/dev/null || true'),
  );
  const suite = /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'stable';
  const url = mirror?.[1] ?? mirror?.[2] ?? 'http://deb.debian.org/debian';
  // The packages unpacked; configuring them takes long and adds nothing that an archive has to hold.
  const made = spawnSync('debootstrap', ['--foreign', '--variant=minbase', suite, join(dir, 'root'), url], {
    encoding: 'utf8',
  });
  expect([made.status, made.status === 0 ? '' : made.stdout + made.stderr]).toEqual([0, '']);
  // In a container debootstrap makes /proc a link to the host's, which no pod can have.
  shell(dir, 'test ! -L root/proc || { rm root/proc; mkdir root/proc; }');
  shell(
    dir,
    'rm -r root/debootstrap root/var/cache/apt/archives/*; tar -C root -cf layer.tar . && gzip -1 -k layer.tar',
  );
  const diffId = sha256(readFileSync(join(dir, 'layer.tar')));
  const image = push('debian', readFileSync(join(dir, 'layer.tar.gz')), 'gzip', diffId);
  expect(fetchMeasured(image)).toBeLessThan(memoryLimit);
  // tar without an option for it keeps whole seconds only.
  const seconds = (text: string): string => text.replaceAll(/\.[0-9]{10} /g, ' ');
  expect(seconds(describeTree(treeOf(diffId)))).toBe(seconds(describeTree(join(dir, 'root'))));
  const content = (root: string): string =>
    shell(root, 'find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum');
  expect(content(treeOf(diffId))).toBe(content(join(dir, 'root')));
  expect(sandbox.ok([insecure, 'run', '--pull-policy=never', image])).toMatch(/^[0-9]+\.[0-9]+\n$/);
  rmSync(dir, { recursive: true });
}, 240_000);

const files = 20_000;

/** Files of all sizes up to some KiB, a hundred to a directory. */
function manyFiles(): Buffer {
  const specs = Array.from({ length: files }, (_, index) => {
    const directory = `d${Math.floor(index / 100)}/`;
    const file = { path: `${directory}file-${index}`, content: `${index}\n`.repeat(index % 800) };
    return index % 100 === 0 ? [{ path: directory, type: 'directory' as const }, file] : [file];
  });
  return tarOf(specs.flat());
}

test('20,000 small files; killed at any moment before, the fetch leaves a store that works', async () => {
  const tar = manyFiles();
  const diffId = sha256(tar);
  const image = push('many', zstdCompressSync(tar), 'zstd', diffId);
  const tmp = join(sandbox.dataDir, 'images', 'tmp');
  // From before the first byte to some way into the files: at moments, not after something that was waited for.
  for (const delay of [60, 120, 180, 240, 320, 400, 500]) {
    const running = sandbox.start([insecure, 'fetch', image]);
    await pause(delay + Math.random() * 50);
    process.kill(running.pid, 'SIGKILL');
    await running.ended;
    // Lists, and resolves, what is there: nothing yet, or the image where the kill came too late.
    expect(sandbox.rkt(['image', 'list', '--no-legend']).status).toBe(0);
  }
  expect(fetchMeasured(image)).toBeLessThan(memoryLimit);
  expect(readdirSync(tmp)).toEqual([]);
  expect(Number(shell(treeOf(diffId), 'find . -type f | wc -l'))).toBe(files);
  expect(readFileSync(join(treeOf(diffId), 'd199/file-19999'), 'utf8')).toBe('19999\n'.repeat(19_999 % 800));
  const [id = ''] = sandbox.ok(['image', 'list', '--no-legend', '--full', '--fields=id']).trim().split('\n');
  expect(sandbox.rkt(['image', 'verify', id])).toMatchObject({ status: 0 });
}, 120_000);

test('a file of 1 GiB, most of it zeros', async () => {
  const dir = scratch('large');
  const size = 1024 ** 3;
  const pattern = Buffer.alloc(1 << 20, 'a large file of a small image ');
  mkdirSync(join(dir, 'root'));
  writeFileSync(join(dir, 'root', 'file'), Buffer.concat(Array.from({ length: 64 }, () => pattern)));
  shell(dir, `truncate -s ${size - 7} root/file; printf 'the end' >> root/file`);
  shell(dir, 'tar -C root -c . | tee >(sha256sum > sum) | zstd -q -1 > layer.zst; sync sum');
  const diffId = `sha256:${readFileSync(join(dir, 'sum'), 'utf8').slice(0, 64)}`;
  const image = push('large', readFileSync(join(dir, 'layer.zst')), 'zstd', diffId);
  expect(fetchMeasured(image)).toBeLessThan(memoryLimit);
  const { size: found, blocks } = statSync(join(treeOf(diffId), 'file'));
  expect(found).toBe(size);
  expect(blocks * 512).toBeLessThan(128 << 20);
  shell(dir, `cmp root/file ${treeOf(diffId)}/file`);
  rmSync(dir, { recursive: true });
}, 120_000);

test('rkt killed while it fetches an image of several layers keeps what is there', async () => {
  const content = (index: number): string => `${index}-`.repeat(40_000);
  const layers = Array.from({ length: 6 }, (_, index) => ({
    tar: tarOf(Array.from({ length: 300 }, (_file, at) => ({ path: `l${index}-${at}`, content: content(at) }))),
  }));
  layout.tag(layout.image({ layers: layers.slice(0, 2) }), 'base');
  layout.tag(layout.image({ layers }), 'six');
  for (const tag of ['base', 'six']) registry.push(layout, tag, 'real');
  const base = sandbox.ok([insecure, 'fetch', '--full', registry.url('real:base')]).trim();
  for (let attempt = 0; attempt < 5; attempt++) {
    const running = sandbox.start([insecure, 'fetch', registry.url('real:six')]);
    await running.says(/Downloading layer/);
    await pause(Math.random() * 200);
    process.kill(running.pid, 'SIGKILL');
    await running.ended;
    expect(sandbox.rkt(['image', 'verify', base])).toMatchObject({ status: 0 });
  }
  const id = sandbox.ok([insecure, 'fetch', '--full', registry.url('real:six')]).trim();
  expect(sandbox.rkt(['image', 'verify', id])).toMatchObject({ status: 0 });
  expect(readdirSync(join(sandbox.dataDir, 'images', 'tmp'))).toEqual([]);
}, 120_000);
