/**
 * Runs the stage1 executables on pods made of busybox, on the real kernel, and checks that nothing is left afterwards.
 */

import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePlan, type LaunchPlan, type PlanApp, type PlanCgroup } from '../../../runtime/stage1/plan.ts';
import { hierarchyOf, isUnified } from '../../support/cgroups.ts';

const root = join(import.meta.dirname, '..', '..', '..');
export const executable = (name: string): string =>
  join(process.env.STAGE1_DIR ?? join(root, 'native', 'build', 'Release'), `stage1-${name}`);

/** The capabilities an app has unless its manifest says otherwise (App Container spec, ace.md). */
export const defaultCapabilities = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31].reduce(
  (set, bit) => set | (1n << BigInt(bit)),
  0n,
);

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningPod {
  child: ChildProcess;
  /** Resolves when standard output holds a whole line that equals `line`. */
  line(line: string): Promise<void>;
  ended: Promise<Outcome>;
}

interface StartOptions {
  stdio?: SpawnOptions['stdio'];
  wrapper?: string[];
  env?: Record<string, string>;
}

type AppOptions = Partial<PlanApp> & { name?: string; script?: string };

/** A base image with busybox under the names of the applets that the tests use. */
function makeImage(dir: string): void {
  for (const name of ['bin', 'etc', 'tmp', 'root']) mkdirSync(join(dir, name), { recursive: true });
  copyFileSync('/bin/busybox', join(dir, 'bin', 'busybox'));
  const applets =
    'sh cat ls id env pwd mount mknod true false sleep kill ps stat readlink hostname touch mkdir rm echo head wc ' +
    'ln dd grep sort tr cut test ipcs setsid sync umount chmod seq awk tail nc mv ip chroot';
  for (const name of applets.split(' ')) symlinkSync('busybox', join(dir, 'bin', name));
}

/** Every test has its own pod directory, cgroups and volumes below one temporary directory. */
export class TestPod {
  readonly dir = mkdtempSync(join(tmpdir(), 'stage1-'));
  readonly uuid = randomUUID();
  readonly pod = join(this.dir, 'pod');
  readonly image = join(this.dir, 'image');
  readonly cgroups: PlanCgroup[];
  readonly #before = hostState();
  readonly #children: ChildProcess[] = [];
  #uppers = 0;
  lockFd: number;

  constructor() {
    makeImage(this.image);
    mkdirSync(this.pod);
    this.lockFd = openSync(this.pod, 'r');
    const name = `machine-rkt\\x2d${this.uuid}.scope`;
    const hierarchies = isUnified ? ['unified'] : ['pids', 'memory', 'freezer', 'systemd', 'unified'];
    this.cgroups = hierarchies
      .map((hierarchy) => ({ dir: hierarchyOf(hierarchy), v2: hierarchy === 'unified' }))
      .filter(({ dir }) => existsSync(dir))
      .map(({ dir, v2 }) => ({ dir: join(dir, name), v2 }));
  }

  /** A fresh directory below the test's own. */
  directory(name: string): string {
    const path = join(this.dir, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** A writable layer, which serves one run only. */
  upper(): { dir: string; work: string } {
    const number = ++this.#uppers;
    return { dir: this.directory(`upper-${number}`), work: this.directory(`work-${number}`) };
  }

  app(options: AppOptions = {}): PlanApp {
    const { script, ...rest } = options;
    const name = options.name ?? 'app';
    return {
      root: { lowers: [this.image], upper: this.upper() },
      args: ['/bin/sh', '-c', script ?? 'true'],
      env: { PATH: '/bin' },
      cwd: '/',
      uid: 0,
      gid: 0,
      capsBounding: defaultCapabilities,
      ...rest,
      name,
    };
  }

  plan(apps: readonly PlanApp[], options: Partial<LaunchPlan> = {}): LaunchPlan {
    return {
      uuid: this.uuid,
      hostname: 'rkt-test',
      podDir: this.pod,
      lockFd: 3,
      stopTimeoutMs: 3000,
      cgroups: this.cgroups,
      apps,
      ...options,
    };
  }

  write(plan: LaunchPlan | Buffer): void {
    writeFileSync(join(this.pod, 'stage1.plan'), Buffer.isBuffer(plan) ? plan : encodePlan(plan));
  }

  /** Starts `run` with the lock held on descriptor 3, as `rkt run` hands it over. */
  start(plan: LaunchPlan | Buffer, options: StartOptions = {}): RunningPod {
    this.write(plan);
    // flock(1) locks the open directory that it was given as descriptor 3, which stays open in what it executes.
    const locked = spawnSync('flock', ['-x', '-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', this.lockFd] });
    if (locked.status !== 0) throw new Error('locking the pod directory failed');
    const command = [...(options.wrapper ?? []), executable('run'), '--debug=false', '--net=host', this.uuid];
    const child = spawn(command[0] as string, command.slice(1), {
      cwd: this.pod,
      stdio: options.stdio ?? ['ignore', 'pipe', 'pipe', this.lockFd],
      env: { RKT_LOCK_FD: '3', ...options.env },
    });
    this.#children.push(child);
    // From now on only the monitor holds the lock.
    closeSync(this.lockFd);
    this.lockFd = openSync(this.pod, 'r');
    return follow(child);
  }

  async run(apps: PlanApp | readonly PlanApp[], options: Partial<LaunchPlan> = {}): Promise<Outcome> {
    const list = Array.isArray(apps) ? (apps as readonly PlanApp[]) : [apps as PlanApp];
    return this.start(this.plan(list, options)).ended;
  }

  /** Runs a script in a pod with one app. */
  script(script: string, app: AppOptions = {}, options: Partial<LaunchPlan> = {}): Promise<Outcome> {
    return this.run(this.app({ ...app, script }), options);
  }

  entrypoint(name: 'enter' | 'gc' | 'stop', args: readonly string[], stdio?: SpawnOptions['stdio']): RunningPod {
    const child = spawn(executable(name), args, { cwd: this.pod, stdio: stdio ?? ['ignore', 'pipe', 'pipe'], env: {} });
    this.#children.push(child);
    return follow(child);
  }

  /** Host PID of an app's main process; it is written right after the app was executed. */
  async appPid(app: string): Promise<string> {
    while (!existsSync(join(this.pod, 'appsinfo', app, 'pid'))) await new Promise((resolve) => setImmediate(resolve));
    return this.file(`appsinfo/${app}/pid`);
  }

  file(name: string): string {
    return readFileSync(join(this.pod, name), 'utf8');
  }

  /** Removes the test's directory, and returns what else is left on the host that was not there before. */
  async finish(): Promise<string[]> {
    for (const child of this.#children) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await new Promise((resolve) => child.once('exit', resolve));
      }
    }
    closeSync(this.lockFd);
    const left = readdirSync(this.pod, { recursive: true }).filter((name) => String(name).endsWith('.new'));
    rmSync(this.dir, { recursive: true, force: true });
    const after = hostState();
    return [
      ...left.map(String),
      ...after.mounts.filter((mount) => mount.includes(this.dir)),
      ...this.cgroups.map((cgroup) => cgroup.dir).filter((dir) => existsSync(dir)),
      ...(countForeign(after.mounts) === countForeign(this.#before.mounts) ? [] : ['the number of mounts differs']),
      ...processesOf(this.uuid),
    ];
  }
}

/** Mounts that are no test's own: other tests run at the same time. */
const countForeign = (mounts: readonly string[]): number =>
  mounts.filter((mount) => !mount.includes(join(tmpdir(), 'stage1-'))).length;

function hostState(): { mounts: string[] } {
  return { mounts: readFileSync('/proc/self/mountinfo', 'utf8').split('\n') };
}

/** Living processes whose cgroup or command line names the pod. */
export function processesOf(uuid: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        // What has ended and waits for the host's init to notice is no process any more.
        if (/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return false;
        return ['cgroup', 'cmdline'].some((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(uuid));
      } catch {
        return false;
      }
    })
    .map((pid) => `process ${pid}`);
}

/**
 * Waits until nothing of a pod is left whose monitor was killed: what dies is no process of a group any more, but not yet gone,
 * and the last of it is the host's init's to notice.
 */
export async function gone(uuid: string): Promise<void> {
  while (processesOf(uuid).length > 0) await new Promise((resolve) => setImmediate(resolve));
}

function follow(child: ChildProcess): RunningPod {
  const outcome: Outcome = { code: null, stdout: '', stderr: '' };
  const waiting: { line: string; resolve: () => void }[] = [];
  const check = (): void => {
    for (const wait of waiting) if (outcome.stdout.split('\n').slice(0, -1).includes(wait.line)) wait.resolve();
  };
  // That it has ended and reads no more is seen by other things.
  child.stdin?.on('error', () => {});
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    outcome.stdout += text;
    check();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    outcome.stderr += text;
  });
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ ...outcome, code }));
  });
  return {
    child,
    ended,
    line: (line) =>
      new Promise((resolve, reject) => {
        waiting.push({ line, resolve });
        check();
        ended.then((result) => reject(new Error(`ended before it wrote "${line}": ${JSON.stringify(result)}`)), reject);
      }),
  };
}
