/** Layers for registry images, of programs that Debian installed on this machine. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeImage } from '../../deploy/demo/images.ts';

/** A tar archive of busybox and `programs` with the libraries that they need. */
export async function programLayer(
  programs: readonly string[],
  prepare: (rootfs: string) => void = () => {},
): Promise<Buffer> {
  const dir = mkdtempSync(join(tmpdir(), 'rkt-layer-'));
  try {
    const output = join(dir, 'layer.aci');
    await makeImage({ name: 'example.com/layer', exec: ['/bin/true'], output, programs, prepare });
    execFileSync('tar', ['-C', dir, '-xzf', output, 'rootfs']);
    const names = execFileSync('ls', ['-A', join(dir, 'rootfs')], { encoding: 'utf8' })
      .trim()
      .split('\n');
    const command = ['-C', join(dir, 'rootfs'), '--numeric-owner', '-cf', '-', ...names];
    return execFileSync('tar', command, { maxBuffer: 1 << 30 });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
