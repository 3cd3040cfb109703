/** The initial file system of the virtual machine: busybox, the modules that lead to its disks, and the script that goes there. */

import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Kernel, moduleFiles } from './kernel.ts';

/** In the order in which they are loaded. crc32c is what ext4 asks for by name only. */
const modules = ['virtio_pci', 'virtio_blk', 'crc32c_generic', 'ext4', '9pnet_virtio', '9p', 'overlay'];

function fill(dir: string, kernel: Kernel, files: Readonly<Record<string, string>>): void {
  for (const name of ['bin', 'proc', 'sys', 'dev', 'host', 'disk', 'root'])
    mkdirSync(join(dir, name), { recursive: true });
  copyFileSync('/bin/busybox', join(dir, 'bin', 'busybox'));
  copyFileSync(join(import.meta.dirname, 'init.sh'), join(dir, 'init'));
  chmodSync(join(dir, 'init'), 0o755);
  const lists = join('lib', 'modules', kernel.release);
  const indexes = readdirSync(join(kernel.root, lists))
    .filter((name) => name.startsWith('modules.'))
    .map((name) => join(lists, name));
  for (const file of [...moduleFiles(kernel, modules), ...indexes]) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    cpSync(join(kernel.root, file), join(dir, file));
  }
  writeFileSync(join(dir, 'modules'), modules.join('\n'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
}

/** Writes the archive to `file`, by way of the directory `dir`. `files` are more files for its root: names and contents. */
export function writeInitramfs(
  file: string,
  dir: string,
  kernel: Kernel,
  files: Readonly<Record<string, string>>,
): void {
  fill(dir, kernel, files);
  const names = execFileSync('find', ['.'], { cwd: dir });
  const archive = execFileSync('busybox', ['cpio', '-o', '-H', 'newc'], {
    cwd: dir,
    input: names,
    maxBuffer: 256 << 20,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  writeFileSync(file, gzipSync(archive, { level: 1 }));
  rmSync(dir, { recursive: true });
}
