/** Prints lines of logs as `rkt logs` does: those of stdout to stdout, those of stderr to stderr, many with one write. */

import type { AppLine } from '../runtime/pod/logs/index.ts';
import type { Context } from './context.ts';

export interface PrintOptions {
  readonly prefix: boolean;
  readonly timestamps: boolean;
}

const bufferSize = 256 * 1024;

export class LogPrinter {
  readonly #context: Pick<Context, 'out' | 'err'>;
  readonly #options: PrintOptions;
  readonly #buffer = Buffer.allocUnsafe(bufferSize);
  #length = 0;
  #stream: 'stdout' | 'stderr' = 'stdout';
  /** Nobody reads any more. */
  isOver = false;

  constructor(context: Pick<Context, 'out' | 'err'>, options: PrintOptions) {
    this.#context = context;
    this.#options = options;
  }

  print({ app, line }: AppLine): void {
    const { prefix, timestamps } = this.#options;
    if (line.stream !== this.#stream) this.flush();
    this.#stream = line.stream;
    if (timestamps) this.#text(`${line.time} `);
    if (prefix) this.#text(`${app}: `);
    this.#bytes(line.text);
    // What an app has printed is printed as it was, unless that would run two lines into one.
    if (line.complete || prefix || timestamps) this.#text('\n');
  }

  flush(): void {
    if (this.#length > 0) this.#write(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
  }

  #text(text: string): void {
    this.#bytes(Buffer.from(text));
  }

  #bytes(bytes: Buffer): void {
    if (bytes.length > bufferSize - this.#length) this.flush();
    if (bytes.length > bufferSize) {
      this.#write(bytes);
      return;
    }
    bytes.copy(this.#buffer, this.#length);
    this.#length += bytes.length;
  }

  #write(bytes: Buffer): void {
    const written = this.#stream === 'stdout' ? this.#context.out(bytes) : this.#context.err(bytes);
    if (written === false) this.isOver = true;
  }
}
