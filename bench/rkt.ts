/** rkt as the bench uses it: a store with one image, a metadata service, and the commands to time. */

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildAci } from '../runtime/image/build.ts';
import { type Candidate, median } from './starts.ts';

const dist = join(dirname(import.meta.dirname), 'dist');
export const rkt = join(dist, 'bin', 'rkt');

export class Bench {
  readonly dir: string;
  /** A root filesystem with busybox, for the peers. */
  readonly rootfs: string;
  readonly #data: string;
  readonly #service: ChildProcess;

  private constructor(dir: string, rootfs: string, data: string, service: ChildProcess) {
    this.dir = dir;
    this.rootfs = rootfs;
    this.#data = data;
    this.#service = service;
  }

  static async create(dir: string): Promise<Bench> {
    const rootfs = makeRootfs(dir);
    const data = join(dir, 'data');
    const image = join(dir, 'true.aci');
    const app = { exec: ['/bin/true'], user: '0', group: '0' };
    const manifest = JSON.stringify({ acKind: 'ImageManifest', acVersion: '0.8.11', name: 'bench/true', app });
    await buildAci({ rootfs, manifest, output: image, compression: 'gzip' });
    execFileSync(rkt, [`--dir=${data}`, '-insecure-skip-verify', 'fetch', image], { stdio: 'pipe' });
    const service = spawn(rkt, [`--dir=${data}`, 'metadata-service'], {
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
      env: { ...process.env, RKT_READY_FD: '3' },
    });
    await once(service.stdio[3] as NodeJS.ReadableStream, 'data');
    return new Bench(dir, rootfs, data, service);
  }

  get dataDir(): string {
    return this.#data;
  }

  get servicePid(): number {
    return this.#service.pid as number;
  }

  /** The command line of a run of the image. */
  run(...args: string[]): string[] {
    return this.command('run', ...args);
  }

  /** The command line of any command on the bench's data. */
  command(...args: string[]): string[] {
    return [rkt, `--dir=${this.#data}`, ...args];
  }

  candidates(): Candidate[] {
    const empty = join(this.dir, 'empty.cjs');
    writeFileSync(empty, '');
    const after = (): void => this.collect();
    return [
      { label: 'bare node start', command: () => [join(dist, 'lib', 'rkt', 'node'), empty] },
      { label: 'rkt run, host network', command: () => this.run('bench/true'), after },
      { label: 'rkt run --private-net, registered', command: () => this.run('--private-net', 'bench/true'), after },
    ];
  }

  /** What a user's timer does; not part of a start. */
  collect(): void {
    spawnSync(rkt, [`--dir=${this.#data}`, 'gc', '--grace-period=0s'], { stdio: 'ignore' });
  }

  /** Where the time of `rkt run --private-net` goes, as rkt itself tells with --debug; medians. */
  printSplit(rounds = 15): void {
    const steps = new Map<string, number[]>();
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      const { stderr } = spawnSync(rkt, ['--debug', ...this.run('--private-net', 'bench/true').slice(1)], {
        encoding: 'utf8',
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const total = performance.now() - start;
      let known = 0;
      for (const [, step, time] of stderr.matchAll(/timing: (.*) ([\d.]+) ms/g)) {
        steps.set(step as string, [...(steps.get(step as string) ?? []), Number(time)]);
        known += Number(time);
      }
      steps.set('stage1, app and exit', [...(steps.get('stage1, app and exit') ?? []), total - known]);
      this.collect();
    }
    console.log('\nrkt run --private-net, split (medians)');
    for (const [step, times] of steps) {
      console.log(
        `  ${step.padEnd(24)} ${median(times.sort((a, b) => a - b))
          .toFixed(1)
          .padStart(6)} ms`,
      );
    }
  }

  async destroy(): Promise<void> {
    const ended = once(this.#service, 'exit');
    this.#service.kill('SIGTERM');
    await ended;
    this.collect();
  }
}

function makeRootfs(dir: string): string {
  const rootfs = mkdtempSync(join(dir, 'rootfs-'));
  for (const name of ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev', 'run', 'usr', 'var']) mkdirSync(join(rootfs, name));
  copyFileSync('/bin/busybox', join(rootfs, 'bin', 'busybox'));
  for (const applet of ['true', 'sh', 'sleep']) symlinkSync('busybox', join(rootfs, 'bin', applet));
  // systemd-nspawn wants to see that this is the root of a system.
  writeFileSync(join(rootfs, 'etc', 'os-release'), 'ID=bench\n');
  return rootfs;
}
