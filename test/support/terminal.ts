/** A terminal with a user at it: script(1) has the real pty, and a shell in it runs the command and looks at what that left. */

import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Running, rktPath, type Sandbox } from './sandbox.ts';

export class Terminal extends Running {
  readonly #host: Sandbox;

  private constructor(host: Sandbox, command: string) {
    super(host.spawn(['script', '-qfec', command, '/dev/null'], ['pipe', 'pipe', 'pipe']));
    this.#host = host;
  }

  /** Runs rkt in a terminal of 31 rows and 99 columns; `shell` may say more than just to run it, as `rkt`. */
  static rkt(host: Sandbox, args: readonly string[], shell = 'rkt'): Terminal {
    const words = args.map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(' ');
    const define = `rkt() { ${rktPath} ${words}; }`;
    return new Terminal(
      host,
      `${define}; echo "terminal=$(tty)"; stty rows 31 cols 99; before=$(stty -g); ${shell}; code=$?; ` +
        'test "$(stty -g)" = "$before" && same=1; echo "code=$code restored=$same over"',
    );
  }

  type(keys: string): void {
    this.child.stdin?.write(keys);
  }

  /** The user changes the size of the window. */
  async resize(rows: number, columns: number): Promise<void> {
    const [, terminal = ''] = await this.prints(/terminal=(\S+)/);
    const { status, stderr } = this.#host.exec(['stty', '-F', terminal, 'rows', String(rows), 'cols', String(columns)]);
    if (status !== 0) throw new Error(`stty: ${stderr}`);
  }

  /** Resolves when the command has ended; its exit code, and whether the terminal is as it was. */
  async over(): Promise<{ code: number; restored: boolean }> {
    const [, code, same] = await this.prints(/code=(\d+) restored=(1?) over/);
    this.child.stdin?.end();
    await this.ended;
    return { code: Number(code), restored: same === '1' };
  }
}

/** Applets about terminals, for an image of busybox. */
export function addTerminalApplets(rootfs: string): void {
  for (const name of ['seq', 'stty', 'tty', 'yes', 'sort']) symlinkSync('busybox', join(rootfs, 'bin', name));
}
