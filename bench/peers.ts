/** Other runtimes, each started the way its users start it, on the same root filesystem. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Candidate } from './starts.ts';

/** An OCI bundle that runs /bin/true, made from the runtime's own default configuration. */
export function makeBundle(dir: string, runtime: string, rootfs: string, name = `bundle-${runtime}`): string {
  const bundle = join(dir, name);
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
    const bundle = makeBundle(dir, runtime, rootfs);
    const command = (run: number): string[] => [runtime, 'run', '--bundle', bundle, `bench-${run}`];
    return [{ label: `${runtime} run`, command }];
  } catch (error) {
    return [
      {
        label: `${runtime} run`,
        command: () => ['sh', '-c', `echo '${(error as Error).message.split('\n')[0]}' >&2; exit 1`],
      },
    ];
  }
}

const installed = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** podman with runc, as Debian configures it, and with limits that every host allows. */
export function podmanCommand(dir: string, ...args: string[]): string[] {
  const config = join(dir, 'containers.conf');
  writeFileSync(config, '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n');
  const global = [`--root=${dir}/podman`, `--runroot=${dir}/podman-run`, '--cgroup-manager=cgroupfs', '--runtime=runc'];
  return ['env', `CONTAINERS_CONF=${config}`, 'podman', ...global, ...args];
}

const podman = (dir: string, ...args: string[]): string[] => podmanCommand(dir, 'run', '--rm', ...args);

export function makePeers(dir: string, rootfs: string): Candidate[] {
  const nspawn = ['systemd-nspawn', '-q', '--register=no', '--keep-unit', '-D', rootfs, '/bin/true'];
  const onHost = podman(dir, '--network=host', '--rootfs', rootfs, '/bin/true');
  const all: [program: string, Candidate[]][] = [
    [
      'unshare',
      [{ label: 'unshare (six namespaces)', command: () => ['unshare', '-pmnuif', '--mount-proc', '/bin/true'] }],
    ],
    ['crun', ociRuntime(dir, 'crun', rootfs)],
    ['runc', ociRuntime(dir, 'runc', rootfs)],
    ['systemd-nspawn', [{ label: 'systemd-nspawn', command: () => nspawn }]],
    ['podman', [{ label: 'podman run, host network', command: () => onHost }]],
    ['podman', [{ label: 'podman run, own network', command: () => podman(dir, '--rootfs', rootfs, '/bin/true') }]],
  ];
  return all.flatMap(([program, candidates]) => (installed(program) ? candidates : []));
}
