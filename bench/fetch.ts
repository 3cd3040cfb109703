/**
 * `npm run bench -- fetch`: how long it takes to get an image from a registry onto the disk, unpacked, and how much memory
 * that needs at most, beside other tools, from the same registry over loopback. Options: --rounds=N (default 1).
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OciLayout } from '../test/support/oci-layout.ts';
import { TestRegistry } from '../test/support/registry.ts';
import { type BenchImage, makeImages } from './fetch-images.ts';
import { rkt } from './rkt.ts';
import { median } from './starts.ts';

interface Tool {
  readonly label: string;
  readonly needs: readonly string[];
  /** Command lines that fetch `tag`, one after the other; everything that they write is below `dir`. */
  commands(dir: string, host: string, tag: string): string[][];
}

const tools: readonly Tool[] = [
  {
    label: 'rkt fetch',
    needs: [],
    commands: (dir, host, tag) => [
      [rkt, `--dir=${dir}/rkt`, '--insecure-options=image,http', 'fetch', `docker://${host}/bench:${tag}`],
    ],
  },
  {
    label: 'podman pull',
    needs: ['podman'],
    commands: (dir, host, tag) => [
      [
        'podman',
        `--root=${dir}/p`,
        // Not longer than 50 characters, or podman refuses it.
        `--runroot=${dir}/r`,
        '--storage-driver=overlay',
        'pull',
        '--quiet',
        '--tls-verify=false',
        `${host}/bench:${tag}`,
      ],
    ],
  },
  {
    label: 'skopeo copy, umoci unpack',
    needs: ['skopeo', 'umoci'],
    commands: (dir, host, tag) => [
      [
        'skopeo',
        '--insecure-policy',
        'copy',
        '--quiet',
        '--src-tls-verify=false',
        `docker://${host}/bench:${tag}`,
        `oci:${dir}/oci:${tag}`,
      ],
      ['umoci', 'unpack', '--image', `${dir}/oci:${tag}`, `${dir}/bundle-${tag}`],
    ],
  },
];

interface Measurement {
  /** Seconds. */
  readonly time: number;
  /** MiB of the process that needed most. */
  readonly memory: number;
}

/** getrusage(2) tells the peak of what was waited for; node does not pass it on. */
const meter =
  'import resource, subprocess, sys\n' +
  'status = subprocess.call(sys.argv[2:])\n' +
  'open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))\n' +
  'sys.exit(status)';

function run(commands: readonly string[][], dir: string): Measurement {
  const peak = join(dir, 'peak');
  let time = 0;
  let memory = 0;
  for (const command of commands) {
    const start = performance.now();
    const { status, stderr } = spawnSync('python3', ['-c', meter, peak, ...command], {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    time += (performance.now() - start) / 1000;
    if (status !== 0) throw new Error(`${command[0]}: ${stderr.trim().split('\n').at(-1)}`);
    memory = Math.max(memory, Number(readFileSync(peak, 'utf8')) / 1024);
  }
  return { time, memory };
}

const installed = ({ needs }: Tool): boolean =>
  needs.every((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0);

/** Fetches all images one after the other into an empty store. What the tools left in memory is written out in between. */
function measureTool(tool: Tool, dir: string, host: string, images: readonly BenchImage[]): Map<string, Measurement> {
  const place = mkdtempSync(join(dir, 's-'));
  const results = new Map<string, Measurement>();
  try {
    for (const { tag } of images) {
      execFileSync('sync');
      results.set(tag, run(tool.commands(place, host, tag), place));
    }
  } finally {
    spawnSync('umount', [`${place}/p/overlay`], { stdio: 'ignore' });
    rmSync(place, { recursive: true, force: true });
  }
  return results;
}

function print(images: readonly BenchImage[], results: ReadonlyMap<string, Map<string, Measurement>[]>): void {
  const sorted = (values: number[]): number[] => values.sort((a, b) => a - b);
  for (const { tag, label } of images) {
    console.log(`\n${label}`);
    let base: number | undefined;
    for (const [tool, rounds] of results) {
      const all = rounds.flatMap((round) => round.get(tag) ?? []);
      const time = median(sorted(all.map((one) => one.time)));
      const memory = Math.max(...all.map((one) => one.memory));
      base ??= time;
      const cells = [`${time.toFixed(2)} s`.padStart(9), `× ${(time / base).toFixed(2)}`.padStart(8)];
      console.log(`  ${tool.padEnd(28)}${cells.join('')}   peak ${memory.toFixed(0).padStart(4)} MiB`);
    }
  }
}

/** Measures and prints. Runs in a network namespace of its own (run.ts). */
export async function benchFetch(rounds: number): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'rkt-bench-fetch-'));
  const registry = await TestRegistry.start();
  try {
    const layout = new OciLayout(join(dir, 'layout'));
    const images = await makeImages(layout);
    for (const { tag } of images) registry.push(layout, tag, 'bench');
    rmSync(layout.dir, { recursive: true });
    const results = new Map<string, Map<string, Measurement>[]>();
    for (let round = 0; round < rounds; round++) {
      for (const tool of tools.filter(installed)) {
        const known = results.get(tool.label) ?? [];
        results.set(tool.label, [...known, measureTool(tool, dir, registry.host, images)]);
      }
    }
    print(images, results);
  } finally {
    await registry.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
