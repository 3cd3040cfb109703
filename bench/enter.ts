/** How long it takes to run /bin/true in something that runs already: `rkt enter` beside the peers' exec. */

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeBundle, podmanCommand } from './peers.ts';
import type { Bench } from './rkt.ts';
import { type Candidate, measure, printResults } from './starts.ts';

/** A container to enter; `stop` takes it away. */
interface Target {
  readonly candidate: Candidate;
  readonly stop: () => Promise<void> | void;
}

export async function measureEnter(bench: Bench, rounds: number): Promise<void> {
  const base = bench.candidates()[0] as Candidate;
  const targets = [await rktPod(bench), runcContainer(bench), podmanContainer(bench)].filter(
    (target) => target !== undefined,
  );
  try {
    const results = measure([base, ...targets.map(({ candidate }) => candidate)], rounds);
    printResults(results, '/bin/true in a running container');
  } finally {
    for (const { stop } of targets) await stop();
  }
}

async function rktPod(bench: Bench): Promise<Target> {
  const file = join(bench.dir, 'enter-uuid');
  const command = bench.run(
    `--uuid-file-save=${file}`,
    'bench/true',
    '--exec',
    '/bin/sh',
    '--',
    '-c',
    'echo; read line',
  );
  const pod = spawn(command[0] as string, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(pod.stdout as NodeJS.ReadableStream, 'data');
  const enter = bench.command('enter', readFileSync(file, 'utf8').trim(), '/bin/true');
  return { candidate: { label: 'rkt enter', command: () => enter }, stop: () => end(pod) };
}

async function end(pod: ChildProcess): Promise<void> {
  const ended = once(pod, 'exit');
  pod.stdin?.end('\n');
  await ended;
}

/** Undefined where it cannot be started here; the starts of the same bench say why. */
function runcContainer(bench: Bench): Target | undefined {
  try {
    const bundle = makeBundle(bench.dir, 'runc', bench.rootfs, 'bundle-enter');
    const file = join(bundle, 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8'));
    config.process.args = ['/bin/sleep', '1000'];
    writeFileSync(file, JSON.stringify(config));
    execFileSync('runc', ['run', '--detach', '--bundle', bundle, 'bench-enter'], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const command = ['runc', 'exec', 'bench-enter', '/bin/true'];
  return {
    candidate: { label: 'runc exec', command: () => command },
    stop: () => void spawnSync('runc', ['delete', '--force', 'bench-enter']),
  };
}

function podmanContainer(bench: Bench): Target | undefined {
  const podman = (...args: string[]): string[] => podmanCommand(bench.dir, ...args);
  const start = podman(
    'run',
    '--detach',
    '--name=bench-enter',
    '--network=host',
    '--rootfs',
    bench.rootfs,
    '/bin/sleep',
    '1000',
  );
  if (spawnSync(start[0] as string, start.slice(1), { stdio: 'ignore' }).status !== 0) return undefined;
  const [program = '', ...args] = podman('rm', '--force', '--time=0', 'bench-enter');
  return {
    candidate: { label: 'podman exec', command: () => podman('exec', 'bench-enter', '/bin/true') },
    stop: () => void spawnSync(program, args, { stdio: 'ignore' }),
  };
}
