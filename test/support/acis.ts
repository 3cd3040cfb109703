/** Images with exactly the entries that a test wants, on top of busybox where they are to run. */

import { readFileSync, writeFileSync } from 'node:fs';
import { manifestOf, type Spec, tarOf } from '../integration/image/archives.ts';

const dir = (path: string): Spec => ({ path, type: 'directory' });

/** Entries of a shell and the applets that tests use; `prefix` is `rootfs/` for an ACI. */
export function busybox(prefix = 'rootfs/'): Spec[] {
  const applets = ['sh', 'cat', 'ls', 'stat', 'id', 'readlink', 'find', 'sort', 'echo', 'touch', 'rm'];
  return [
    dir(`${prefix}bin/`),
    { path: `${prefix}bin/busybox`, mode: 0o755, content: readFileSync('/bin/busybox') },
    ...applets.map((name): Spec => ({ path: `${prefix}bin/${name}`, type: 'symlink', link: 'busybox' })),
  ];
}

/** Writes an ACI. `members` go into its manifest; the root directory's entry is made unless `specs` has it. */
export function writeAci(file: string, name: string, specs: readonly Spec[], members: object = {}): string {
  const root = specs.some(({ path }) => path === 'rootfs/') ? [] : [dir('rootfs/')];
  writeFileSync(file, tarOf([{ path: 'manifest', content: manifestOf(name, members) }, ...root, ...specs]));
  return file;
}

/** The manifest's `app` for an image that runs a shell script. */
export const shellApp = (script: string): object => ({
  app: { exec: ['/bin/sh', '-c', script], user: '0', group: '0' },
});
