/** Other runtimes, each started the way its users start it, on the same root filesystem. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Candidate } from './starts.ts';

/** An OCI bundle that runs /bin/true, made from the runtime's own default configuration. */
function makeBundle(dir: string, runtime: string, rootfs: string): string {
  const bundle = join(dir, `bundle-${runtime}`);
  mkdirSync(bundle);
  symlinkSync(rootfs, join(bundle, 'rootfs'));
  execFileSync(runtime, ['spec'], { cwd: bundle });
  const file = join(bundle, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  config.process.terminal = false;
  config.process.args = ['/bin/true'];
  config.root = { path: rootfs, readonly: false };
  writeFileSync(file, JSON.stringify(config));
  return bundle;
}

function ociRuntime(dir: string, runtime: string, rootfs: string): Candidate[] {
  try {
    return [
      { label: `${runtime} run`, command: [runtime, 'run', '--bundle', makeBundle(dir, runtime, rootfs), 'bench'] },
    ];
  } catch (error) {
    return [
      {
        label: `${runtime} run`,
        command: ['sh', '-c', `echo '${(error as Error).message.split('\n')[0]}' >&2; exit 1`],
      },
    ];
  }
}

const installed = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

export function makePeers(dir: string, rootfs: string): Candidate[] {
  const podman = [
    'podman',
    `--root=${dir}/podman`,
    `--runroot=${dir}/podman-run`,
    '--cgroup-manager=cgroupfs',
    'run',
    '--rm',
  ];
  const all: Candidate[] = [
    { label: 'unshare (six namespaces)', command: ['unshare', '-pmnuif', '--mount-proc', '/bin/true'] },
    ...['crun', 'runc'].filter(installed).flatMap((runtime) => ociRuntime(dir, runtime, rootfs)),
    {
      label: 'systemd-nspawn',
      command: ['systemd-nspawn', '-q', '--register=no', '--keep-unit', '-D', rootfs, '/bin/true'],
    },
    { label: 'podman run, host network', command: [...podman, '--network=host', '--rootfs', rootfs, '/bin/true'] },
    { label: 'podman run, own network', command: [...podman, '--rootfs', rootfs, '/bin/true'] },
  ];
  return all.filter(({ command: [program] }) => installed(program as string));
}
