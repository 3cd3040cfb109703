/**
 * `npm run bench -- import`: how long a local image takes to get into the store, beside `tar -x` and `sha512sum` of the same file one
 * after the other, which is the least that extracting it and checking what it is can cost. Options: --rounds=N (default 3).
 *
 * rkt does more meanwhile: it copies the archive, hashes it compressed and uncompressed, and brings everything to the disk.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appcVersion } from '../runtime/base/version.ts';
import { layerTar } from './fetch-images.ts';
import { type Measurement, run } from './meter.ts';
import { rkt } from './rkt.ts';
import { median } from './starts.ts';

interface LocalImage {
  readonly label: string;
  readonly path: string;
}

/** Two images, each of them once with gzip and once without. */
function makeLocalImages(dir: string): LocalImage[] {
  const specs = [
    { label: 'three files of 64 MiB', files: 3, size: 64 * 1024 * 1024 },
    { label: '20,000 files of 4 KiB', files: 20_000, size: 4096 },
  ];
  return specs.flatMap(({ label, files, size }, index) => {
    const source = join(dir, `source-${index}`);
    mkdirSync(join(source, 'rootfs'), { recursive: true });
    const manifest = { acKind: 'ImageManifest', acVersion: appcVersion, name: `example.com/bench-${index}` };
    writeFileSync(join(source, 'manifest'), JSON.stringify(manifest));
    execFileSync('tar', ['-x', '-C', join(source, 'rootfs')], { input: layerTar('files', files, size, index + 1) });
    const plain = join(dir, `image-${index}.aci`);
    const packed = join(dir, `image-${index}.gz.aci`);
    execFileSync('tar', ['-cf', plain, '-C', source, 'manifest', 'rootfs']);
    execFileSync('sh', ['-c', `gzip -4 -c ${plain} > ${packed}`]);
    return [
      { label: `${label}, gzip`, path: packed },
      { label, path: plain },
    ];
  });
}

/** Measures and prints. */
export function benchImport(rounds: number): void {
  const dir = mkdtempSync(join(tmpdir(), 'rkt-bench-import-'));
  try {
    for (const { label, path } of makeLocalImages(dir)) {
      const ours: Measurement[] = [];
      const theirs: Measurement[] = [];
      for (let round = 0; round < rounds; round++) {
        const place = mkdtempSync(join(dir, 's-'));
        mkdirSync(join(place, 'tree'));
        execFileSync('sync');
        ours.push(run([[rkt, `--dir=${place}/rkt`, '--insecure-options=image', 'fetch', path]], place));
        execFileSync('sync');
        theirs.push(
          run(
            [
              ['tar', '-xf', path, '-C', join(place, 'tree')],
              ['sha512sum', path],
            ],
            place,
          ),
        );
      }
      const time = (all: Measurement[]): number => median(all.map((one) => one.time).sort((a, b) => a - b));
      const peak = Math.max(...ours.map(({ memory }) => memory)).toFixed(0);
      console.log(`\n${label}`);
      console.log(`  rkt fetch               ${time(ours).toFixed(2).padStart(6)} s   peak ${peak} MiB`);
      console.log(
        `  tar -x, then sha512sum  ${time(theirs).toFixed(2).padStart(6)} s   × ${(time(ours) / time(theirs)).toFixed(2)}`,
      );
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
