/** Pods per second: many pods started one after another, and some at a time. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Candidate } from './starts.ts';

/** Starts `count` pods, `width` of them at any moment, and returns how many ended per second. Throws what a failed one said. */
async function rate({ command }: Candidate, count: number, width: number): Promise<number> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const [program, ...args] = command(next++);
      const child = spawn(program as string, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      const said: Buffer[] = [];
      child.stderr.on('data', (data: Buffer) => said.push(data));
      const [code] = await once(child, 'close');
      if (code !== 0) {
        next = count;
        throw new Error(Buffer.concat(said).toString().trim().split('\n').at(-1) ?? `exit code ${code}`);
      }
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: width }, worker));
  return (count * 1000) / (performance.now() - start);
}

/** Prints a line for every candidate; the first one is what the others are compared with. */
export async function measureManyStarts(candidates: readonly Candidate[], count: number): Promise<void> {
  const widths = [1, 8];
  const label = Math.max(...candidates.map((candidate) => candidate.label.length));
  console.log(`\n${`${count} pods, per second`.padEnd(label)}   one by one   ratio   eight at a time   ratio`);
  const base: number[] = [];
  for (const candidate of candidates) {
    const cells: string[] = [];
    try {
      for (const [index, width] of widths.entries()) {
        const perSecond = await rate(candidate, count, width);
        base[index] ??= perSecond;
        cells.push(perSecond.toFixed(1).padStart(index === 0 ? 13 : 18));
        cells.push((perSecond / (base[index] as number)).toFixed(2).padStart(8));
        candidate.after?.();
      }
      console.log(`${candidate.label.padEnd(label)}${cells.join('')}`);
    } catch (error) {
      console.log(`${candidate.label.padEnd(label)}   not measured: ${(error as Error).message}`);
    }
  }
}
