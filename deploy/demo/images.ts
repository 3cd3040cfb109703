/** Two images of real software, taken from the programs that Debian installed on this machine. */

import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { buildAci } from '../../runtime/image/build.ts';

const applets =
  'awk cat chmod chown dd echo env grep head hostname id ip kill ls mkdir mknod mount nc nslookup ping ps pwd readlink rm sed sh sleep stat test touch tr true false umount wc wget'.split(
    ' ',
  );

export interface ImageSpec {
  readonly name: string;
  readonly exec: readonly string[];
  readonly output: string;
  /** Dynamically linked programs to add, with the libraries they need. */
  readonly programs?: readonly string[];
  /** More fields of the manifest's `app`. */
  readonly app?: Readonly<Record<string, unknown>>;
  readonly annotations?: readonly { name: string; value: string }[];
  /** Called with the root filesystem before it is packed. */
  readonly prepare?: (rootfs: string) => void;
}

/** Writes an image of busybox and the programs named. */
export async function makeImage(spec: ImageSpec): Promise<void> {
  const rootfs = mkdtempSync(join(tmpdir(), 'rkt-image-'));
  try {
    chmodSync(rootfs, 0o755);
    installBusybox(rootfs);
    for (const program of spec.programs ?? []) installProgram(rootfs, program);
    spec.prepare?.(rootfs);
    await buildAci({ rootfs, manifest: manifestText(spec), output: spec.output, compression: 'gzip' });
  } finally {
    rmSync(rootfs, { recursive: true, force: true });
  }
}

function manifestText(spec: ImageSpec): string {
  return JSON.stringify({
    acKind: 'ImageManifest',
    acVersion: '0.8.11',
    name: spec.name,
    labels: [
      { name: 'version', value: '1.0.0' },
      { name: 'os', value: 'linux' },
      { name: 'arch', value: process.arch === 'x64' ? 'amd64' : 'aarch64' },
    ],
    app: { exec: spec.exec, user: '0', group: '0', ...spec.app },
    annotations: spec.annotations ?? [],
  });
}

function installBusybox(rootfs: string): void {
  for (const dir of ['bin', 'etc', 'tmp', 'usr/bin']) mkdirSync(join(rootfs, dir), { recursive: true });
  copyFileSync('/bin/busybox', join(rootfs, 'bin', 'busybox'));
  for (const applet of applets) symlinkSync('busybox', join(rootfs, 'bin', applet));
}

/** The program and what ldd(1) says it needs, each at its own path. */
function installProgram(rootfs: string, program: string): void {
  const libraries = execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(\/[^\s:]+) \(0x/g);
  for (const path of [program, ...[...libraries].map(([, library]) => library as string)]) {
    const target = join(rootfs, path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(realpathSync(path), join(dirname(target), basename(path)));
  }
}
