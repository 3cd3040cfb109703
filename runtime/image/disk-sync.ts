import { closeSync, constants, openSync } from 'node:fs';
import { syncFilesystem } from '../../native/unpack.ts';

/**
 * Brings a file system to disk for several who need it at about the same time: syncfs(2) writes everything of everybody, so whoever
 * asks while one is under way shares the next one with the others.
 */
export class DiskSync {
  readonly #fd: number;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** `path` is a directory of the file system. */
  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  }

  /** Resolves when everything that has been written by now is on disk. */
  reach(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  /** Nobody may be waiting. */
  close(): void {
    closeSync(this.#fd);
  }

  #start(): Promise<void> {
    const running = syncFilesystem(this.#fd);
    this.#running = running;
    const over = (): void => {
      if (this.#running === running) this.#running = undefined;
    };
    running.then(over, over);
    return running;
  }
}
