/**
 * `npm run bench -- logs`: how fast an app can print when everything it prints is logged, beside the same app writing to a file of
 * its own, and beside podman.
 *
 * Lines of 100 bytes as fast as the program can make them. What a start takes is measured alike, with nothing to print, and
 * subtracted.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { podmanCommand } from './peers.ts';
import type { Bench } from './rkt.ts';
import { median } from './starts.ts';

const megabytes = 200;

interface Writer {
  readonly label: string;
  /** The command line of a run that prints so many bytes. */
  readonly command: (bytes: number) => string[];
  readonly after?: () => void;
}

const printing = (bytes: number): string => `busybox yes ${'x'.repeat(99)} | busybox head -c ${bytes}`;

function writers(bench: Bench): Writer[] {
  const out = join(bench.dir, 'out');
  mkdirSync(out, { recursive: true });
  const shell = ['bench/true', '--exec=/bin/sh', '--', '-c'];
  const volume = [`--volume=out,kind=host,source=${out}`, '--mount=volume=out,target=/out'];
  const after = (): void => {
    bench.collect();
    rmSync(join(out, 'file'), { force: true });
  };
  const inShell = (command: readonly string[], target: string): string[] => [
    'sh',
    '-c',
    `exec "$0" "$@" > ${target}`,
    ...command,
  ];
  const peer = (driver: string, bytes: number): string[] =>
    podmanCommand(
      bench.dir,
      'run',
      '--rm',
      `--log-driver=${driver}`,
      '--network=host',
      '--rootfs',
      bench.rootfs,
      '/bin/sh',
      '-c',
      printing(bytes),
    );
  return [
    {
      label: 'an app that writes to its own file',
      command: (bytes) => bench.run(...volume, ...shell, `${printing(bytes)} > /out/file`),
      after,
    },
    {
      label: 'rkt run > /dev/null, logged',
      command: (bytes) => inShell(bench.run(...shell, printing(bytes)), '/dev/null'),
      after,
    },
    {
      label: 'rkt run > file, logged',
      command: (bytes) => inShell(bench.run(...shell, printing(bytes)), join(out, 'file')),
      after,
    },
    {
      label: 'rkt run --prefix=always > /dev/null, logged',
      command: (bytes) => inShell(bench.run('--prefix=always', ...shell, printing(bytes)), '/dev/null'),
      after,
    },
    { label: 'podman run > /dev/null, not logged', command: (bytes) => inShell(peer('none', bytes), '/dev/null') },
    { label: 'podman run > /dev/null, k8s-file', command: (bytes) => inShell(peer('k8s-file', bytes), '/dev/null') },
  ];
}

function seconds(writer: Writer, bytes: number): number {
  const [program, ...args] = writer.command(bytes);
  const start = performance.now();
  const { status, stderr } = spawnSync(program as string, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  const time = (performance.now() - start) / 1000;
  writer.after?.();
  if (status !== 0) throw new Error(stderr.trim().split('\n').at(-1) ?? `exit code ${status}`);
  return time;
}

function rate(writer: Writer, rounds: number): number {
  const bytes = megabytes * 1e6;
  const times = Array.from({ length: rounds }, () => seconds(writer, bytes) - seconds(writer, 0));
  return megabytes / median(times.sort((a, b) => a - b));
}

export function benchLogs(bench: Bench, rounds: number): void {
  const all = writers(bench);
  const width = Math.max(...all.map(({ label }) => label.length));
  console.log(`${`${megabytes} MB in lines of 100 bytes`.padEnd(width)}     MB/s   ratio`);
  let base: number | undefined;
  for (const writer of all) {
    try {
      const result = rate(writer, rounds);
      base ??= result;
      console.log(`${writer.label.padEnd(width)}   ${result.toFixed(0).padStart(6)}   ${(result / base).toFixed(2)}`);
    } catch (error) {
      console.log(`${writer.label.padEnd(width)}   not measured: ${(error as Error).message}`);
    }
  }
}
