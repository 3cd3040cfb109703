/** A containerd of the bench's own: everything of it is in one directory, and it ends with the measurement. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export class Containerd {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static socket(dir: string): string {
    return join(dir, 'c.sock');
  }

  static async start(dir: string): Promise<Containerd> {
    mkdirSync(join(dir, 'state'));
    const config = join(dir, 'config.toml');
    const text = (value: string): string => JSON.stringify(value);
    writeFileSync(
      config,
      `version = 2\nroot = ${text(join(dir, 'root'))}\nstate = ${text(join(dir, 'state'))}\n` +
        'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n' +
        `[grpc]\naddress = ${text(Containerd.socket(dir))}\n[ttrpc]\naddress = ${text(join(dir, 't.sock'))}\n`,
    );
    const child = spawn('containerd', ['--config', config], { stdio: 'ignore' });
    // It makes the socket when it is ready, under its final name.
    while (!existsSync(Containerd.socket(dir))) {
      if (child.exitCode !== null) throw new Error(`containerd ended with status ${child.exitCode}`);
      await pause(20);
    }
    return new Containerd(child);
  }

  /** proc(5), clear_refs: the peak begins anew. */
  forgetPeak(): void {
    writeFileSync(`/proc/${this.#child.pid}/clear_refs`, '5');
  }

  /** MiB. */
  peak(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}
