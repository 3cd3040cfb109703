/** What stays in memory for a pod that does nothing. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Bench } from './rkt.ts';

/** Proportional set size in KiB: shared pages count by their share (proc(5), smaps_rollup). */
const pssOf = (pid: number): number =>
  Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

/** Monitor and init of one idle pod, without its app; then of ten pods, per pod; and the service that all pods share. */
export async function measureMemory(bench: Bench): Promise<void> {
  console.log('\nresident memory of an idle pod: monitor and init, without the app (PSS)');
  for (const count of [1, 10]) {
    const [program, ...args] = bench.run('bench/true', '--exec', '/bin/sh', '--', '-c', 'echo up; read line');
    const pods = Array.from({ length: count }, () =>
      spawn(program as string, args, { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    await Promise.all(pods.map((pod) => once(pod.stdout as NodeJS.ReadableStream, 'data')));
    const ours = pods.flatMap(({ pid }) => [pid as number, ...childrenOf(pid as number)]);
    const total = ours.reduce((sum, pid) => sum + pssOf(pid), 0);
    console.log(`  ${count} pod${count === 1 ? ' ' : 's'}: ${(total / count).toFixed(0)} KiB per pod`);
    for (const pod of pods) pod.stdin?.end();
    await Promise.all(pods.map((pod) => once(pod, 'exit')));
    bench.collect();
  }
  console.log(`  metadata service, whatever the number of pods: ${(pssOf(bench.servicePid) / 1024).toFixed(0)} MiB`);
}
