/**
 * `npm run build`: dist/, a tree that works wherever it is put.
 *
 *   bin/rkt                     finds the rest and becomes node
 *   lib/rkt/node                the pinned node
 *   lib/rkt/*.cjs, *.node       the bundles and their native parts
 *   lib/rkt/stage1/             the built-in stage1, laid out like an image
 *   lib/rkt/keeper              executes the entrypoints of stage1 images
 *   lib/rkt/settle              brings layers to disk behind a fetch
 *   lib/rkt/*.cjs.cache         V8's compiled code of the bundles that people wait for
 */

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { version } from '../runtime/base/version.ts';
import { builtinManifest, entrypointKinds } from '../runtime/stage1/builtin.ts';
import { bundle } from './bundle.ts';

const root = dirname(import.meta.dirname);
const dist = join(root, 'dist');
const lib = join(dist, 'lib', 'rkt');
const release = join(root, 'native', 'build', 'Release');

function run(command: string, args: string[]): void {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} failed${error === undefined ? '' : `: ${error.message}`}`);
}

function install(from: string, to: string, mode: number): void {
  copyFileSync(from, to);
  chmodSync(to, mode);
}

/** A hard link where that is possible: node is 150 MB. */
function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    install(from, to, 0o755);
  }
}

/** The built-in stage1, as an image that was unpacked, and what executes the entrypoints of others. */
function installStage1(): void {
  const rootfs = join(lib, 'stage1', 'rootfs');
  mkdirSync(rootfs, { recursive: true });
  for (const kind of entrypointKinds) install(join(release, `stage1-${kind}`), join(rootfs, kind), 0o755);
  writeFileSync(join(lib, 'stage1', 'manifest'), `${JSON.stringify(builtinManifest(), null, 2)}\n`);
  install(join(release, 'stage1-keeper'), join(lib, 'keeper'), 0o755);
}

/** The licences of everything that is shipped, one after another. */
function writeLicences(packages: readonly string[]): void {
  const texts = [...packages, `node-linux-${process.arch}`].map((name) => {
    const dir = join(root, 'node_modules', name);
    const { license } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as { license?: string };
    const file = ['LICENSE', 'LICENSE.md', 'license', 'LICENCE', 'LICENSE.txt'].find((f) => existsSync(join(dir, f)));
    const text =
      file === undefined ? `(${license}; the package holds no text of it)` : readFileSync(join(dir, file), 'utf8');
    return `==== ${name} (${license})\n\n${text}\n`;
  });
  writeFileSync(join(lib, 'THIRD-PARTY-LICENSES'), texts.join('\n'));
}

/** What was built must at least start. */
function tryIt(): void {
  const { status, stdout, stderr } = spawnSync(join(dist, 'bin', 'rkt'), ['version'], { encoding: 'utf8' });
  if (status !== 0 || !stdout.includes(version)) throw new Error(`the new dist/bin/rkt does not start: ${stderr}`);
}

run(process.execPath, [join(root, 'deploy', 'native.ts')]);
rmSync(dist, { recursive: true, force: true });
mkdirSync(join(dist, 'bin'), { recursive: true });
mkdirSync(lib, { recursive: true });
install(join(release, 'rkt-launcher'), join(dist, 'bin', 'rkt'), 0o755);
install(join(release, 'rkt_native.node'), join(lib, 'rkt_native.node'), 0o755);
install(join(root, 'deploy', 'main.cjs'), join(lib, 'main.cjs'), 0o644);
linkOrCopy(join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node'), join(lib, 'node'));
installStage1();
install(join(release, 'rkt-settle'), join(lib, 'settle'), 0o755);
writeLicences(await bundle(lib));
const compile = (name: string, ...mode: string[]): void =>
  run(join(lib, 'node'), [join(root, 'deploy', 'code-cache.cjs'), join(lib, `${name}.cjs`), ...mode]);
for (const name of ['rkt', 'pod-commands', 'image-commands', 'image-fetch', 'image-import', 'docker']) compile(name);
compile('http-client', 'run');
tryIt();
