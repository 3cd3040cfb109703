/**
 * `npm run bench -- fetch`: how long it takes to get an image from a registry onto the disk, unpacked, and how much memory
 * that needs at most, beside other tools, from the same registry over loopback. Options: --rounds=N (default 1).
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OciLayout } from '../test/support/oci-layout.ts';
import { TestRegistry } from '../test/support/registry.ts';
import { Containerd } from './containerd.ts';
import { type BenchImage, makeImages } from './fetch-images.ts';
import { type Measurement, run } from './meter.ts';
import { rkt } from './rkt.ts';
import { median } from './starts.ts';

interface Tool {
  readonly label: string;
  readonly needs: readonly string[];
  /** Command lines that fetch `tag`, one after the other; everything that they write is below `dir`. */
  commands(dir: string, host: string, tag: string): string[][];
  /** What has to run meanwhile; its memory counts too. */
  readonly daemon?: (dir: string) => Promise<Containerd>;
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
  {
    label: 'ctr image pull (containerd)',
    needs: ['ctr', 'containerd'],
    daemon: (dir) => Containerd.start(dir),
    commands: (dir, host, tag) => [
      [
        'ctr',
        `--address=${Containerd.socket(dir)}`,
        'image',
        'pull',
        '--plain-http',
        '--snapshotter=overlayfs',
        `${host}/bench:${tag}`,
      ],
    ],
  },
];

const installed = ({ needs }: Tool): boolean =>
  needs.every((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0);

/**
 * Fetches all images one after the other into an empty store. What the tools left in memory is written out in between. The store
 * stays: a file system that has just freed many inodes is slow to give them out again, and the next tool would pay for it.
 */
async function measureTool(
  tool: Tool,
  dir: string,
  host: string,
  images: readonly BenchImage[],
): Promise<Map<string, Measurement>> {
  const place = mkdtempSync(join(dir, 's-'));
  const results = new Map<string, Measurement>();
  const daemon = await tool.daemon?.(place);
  try {
    for (const { tag } of images) {
      execFileSync('sync');
      daemon?.forgetPeak();
      const { time, memory } = run(tool.commands(place, host, tag), place);
      results.set(tag, { time, memory: memory + (daemon?.peak() ?? 0) });
    }
  } finally {
    await daemon?.stop();
    spawnSync('umount', [`${place}/p/overlay`], { stdio: 'ignore' });
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
        results.set(tool.label, [...known, await measureTool(tool, dir, registry.host, images)]);
      }
    }
    print(images, results);
  } finally {
    await registry.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
