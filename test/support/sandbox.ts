/**
 * A host of its own for one test: a network namespace and a mount namespace in which rkt runs as it does on a real host, with
 * its real paths, against the real kernel. What a pod leaves behind there is found before the sandbox goes away.
 */

import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { podGroups } from './cgroups.ts';
import { patience } from './patience.ts';

const root = dirname(dirname(import.meta.dirname));

/** The command as it is installed; `make build` makes it. */
export const rktPath = join(root, 'dist', 'bin', 'rkt');

export interface Result {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Milliseconds after which the command is killed; a test that waits for it has failed. */
  readonly timeout?: number;
  readonly cwd?: string;
}

/** The address of the metadata service, its socket, its mark and the table that guards it; no element of a set. */
const ofService = [
  /^address .* 169\.254\.169\.255\/32 /,
  /^(socket|file) \/run\/rkt\/metadata-/,
  /^nft (?!.*elements)/,
];

export class Sandbox {
  /** Scratch space of the test; removed at the end. */
  readonly dir: string;
  readonly dataDir: string;
  readonly #holder: ChildProcess;
  readonly #children = new Set<ChildProcess>();

  private constructor(dir: string, holder: ChildProcess) {
    this.dir = dir;
    this.dataDir = join(dir, 'data');
    this.#holder = holder;
  }

  static async create(): Promise<Sandbox> {
    const dir = mkdtempSync(join(tmpdir(), 'rkt-e2e-'));
    const script = 'mount -t tmpfs tmpfs /run && ip link set lo up && echo ready && exec sleep infinity';
    const holder = spawn('unshare', ['-nm', '--propagation', 'private', 'sh', '-c', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const event = await Promise.race([
      once(holder.stdout as NodeJS.ReadableStream, 'data').then(() => 'ready'),
      once(holder, 'exit').then(() => 'exit'),
    ]);
    if (event !== 'ready') throw new Error('the sandbox could not be made; do the tests run as root?');
    return new Sandbox(dir, holder);
  }

  /** Path that leads to the sandbox's network namespace. */
  get netns(): string {
    return `/proc/${this.#holder.pid}/ns/net`;
  }

  #inside(command: readonly string[], cwd: string): string[] {
    return ['--target', String(this.#holder.pid), '--net', '--mount', `--wdns=${cwd}`, '--', ...command];
  }

  #environment(env: RunOptions['env']): NodeJS.ProcessEnv {
    const { PATH = '', HOME = '/root' } = process.env;
    return { PATH, HOME, RKT_DIR: this.dataDir, ...env };
  }

  /** Runs a program in the sandbox to its end. */
  exec(command: readonly string[], options: RunOptions = {}): Result {
    const result: SpawnSyncReturns<string> = spawnSync('nsenter', this.#inside(command, options.cwd ?? this.dir), {
      encoding: 'utf8',
      env: this.#environment(options.env),
      timeout: options.timeout ?? 60_000 * patience,
      killSignal: 'SIGKILL',
      maxBuffer: 64 << 20,
      ...(options.input === undefined ? { stdio: ['ignore', 'pipe', 'pipe'] } : { input: options.input }),
    });
    if (result.error !== undefined) throw result.error;
    return { status: result.status, signal: result.signal, stdout: result.stdout, stderr: result.stderr };
  }

  /** Runs `rkt` to its end. */
  rkt(args: readonly string[], options: RunOptions = {}): Result {
    return this.exec([rktPath, ...args], options);
  }

  /** Runs `rkt`, which must succeed; its standard output. */
  ok(args: readonly string[], options: RunOptions = {}): string {
    const { status, stdout, stderr } = this.rkt(args, options);
    if (status !== 0) throw new Error(`rkt ${args.join(' ')} ended with ${status}: ${stderr}`);
    return stdout;
  }

  /** Starts a program in the sandbox. It is killed at the end of the test if it still runs. */
  spawn(command: readonly string[], stdio: ('ignore' | 'pipe')[], env: RunOptions['env'] = {}): ChildProcess {
    const child = spawn('nsenter', this.#inside(command, this.dir), { stdio, env: this.#environment(env) });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Starts `rkt` and collects what it prints. */
  start(args: readonly string[], env: RunOptions['env'] = {}): Running {
    return new Running(this.spawn([rktPath, ...args], ['pipe', 'pipe', 'pipe'], env));
  }

  /** Starts the metadata service and waits until it serves. */
  async metadataService(args: readonly string[] = []): Promise<Running> {
    const child = this.spawn([rktPath, 'metadata-service', ...args], ['ignore', 'pipe', 'pipe', 'pipe'], {
      RKT_READY_FD: '3',
    });
    const running = new Running(child);
    const ready = child.stdio[3] as NodeJS.ReadableStream;
    const event = await Promise.race([once(ready, 'data').then(() => 'ready'), running.ended.then(() => 'ended')]);
    if (event !== 'ready') throw new Error(`the metadata service did not start: ${running.stderr}`);
    return running;
  }

  /**
   * What pods and services have left in the sandbox, apart from exited pods that no gc has seen. What a running service needs
   * is not counted where `service` says that one runs.
   */
  leftovers({ service = false } = {}): string[] {
    const state = this.exec([
      'sh',
      '-c',
      `ip -o link | awk -F': ' '$2 != "lo" && $2 !~ /^ifb/ {print "link " $2}'
       ip -o -4 address show dev lo | grep -v ' 127.0.0.1/8 ' | sed 's/^/address /'
       nft list ruleset | sed 's/^/nft /'
       grep -E ' (/run/rkt|${this.dataDir})' /proc/self/mountinfo | sed 's/^/mount /'
       find /run/rkt -type f ! -name lock 2>/dev/null | sed 's/^/file /'
       find /run/rkt -type s 2>/dev/null | sed 's/^/socket /'`,
    ]).stdout;
    const own = new Set(this.uuids());
    const groups = podGroups().filter((name) => [...own].some((uuid) => name.includes(uuid.replaceAll('-', '\\x2d'))));
    const found = [...state.split('\n').filter((line) => line !== ''), ...groups.map((name) => `cgroup ${name}`)];
    return service ? found.filter((line) => !ofService.some((pattern) => pattern.test(line))) : found;
  }

  /** Every pod that there is a directory of. */
  uuids(): string[] {
    const pods = join(this.dataDir, 'pods');
    try {
      const phases = readdirSync(pods).filter((phase) => phase !== 'names');
      return phases.flatMap((phase) => readdirSync(join(pods, phase)));
    } catch {
      return [];
    }
  }

  /** Ends what still runs, and takes the sandbox away. */
  async destroy(): Promise<void> {
    const ends = [...this.#children].map((child) => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      return ended;
    });
    await Promise.all(ends);
    this.exec([rktPath, 'gc', '--grace-period=0s']);
    const ended = once(this.#holder, 'exit');
    this.#holder.kill('SIGKILL');
    await ended;
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** A program that goes on while the test does. */
export class Running {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  /** Exit code or signal, once the program has ended and all its output is here. */
  readonly ended: Promise<{ status: number | null; signal: NodeJS.Signals | null }>;
  #changed: (() => void)[] = [];

  constructor(child: ChildProcess) {
    this.child = child;
    // That a program has ended and reads no more is seen by other things.
    child.stdin?.on('error', () => {});
    child.stdout?.on('data', (data: Buffer) => {
      this.stdout += data.toString();
      this.#notify();
    });
    child.stderr?.on('data', (data: Buffer) => {
      this.stderr += data.toString();
      this.#notify();
    });
    this.ended = once(child, 'close').then(([status, signal]) => {
      this.#notify();
      return { status: status as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  #notify(): void {
    for (const wake of this.#changed.splice(0)) wake();
  }

  /** Resolves when the standard output matches; fails when the program ends without having printed it. */
  prints = (pattern: RegExp): Promise<RegExpExecArray> => this.#until(pattern, () => this.stdout);

  /** The same for standard error. */
  says = (pattern: RegExp): Promise<RegExpExecArray> => this.#until(pattern, () => this.stderr);

  async #until(pattern: RegExp, text: () => string): Promise<RegExpExecArray> {
    let over = false;
    void this.ended.then(() => {
      over = true;
      this.#notify();
    });
    for (;;) {
      const match = pattern.exec(text());
      if (match !== null) return match;
      if (over) throw new Error(`the program ended without printing ${pattern}: ${this.stdout}\n${this.stderr}`);
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }

  /** Host PID: nsenter executes the program in its place. */
  get pid(): number {
    return this.child.pid as number;
  }
}
