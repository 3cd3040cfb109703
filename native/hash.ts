/**
 * Hashing on libuv's thread pool. node's own hashes run on the thread that calls them, and a worker with a copy of every chunk
 * costs more than the hash of a small image; here the bytes are read where they are while the caller goes on.
 */

import { addon } from './index.ts';

type Handle = { readonly brand: 'hash' };

interface Calls {
  hashCreate(algorithm: string): Handle;
  hashUpdate(handle: Handle, bytes: Uint8Array): Promise<void>;
  hashFinish(handle: Handle): Buffer;
}

const calls = addon as Calls;

/** A digest of bytes that come in one after another. */
export class ThreadedHash {
  readonly #handle: Handle;

  constructor(algorithm: 'sha256' | 'sha512') {
    this.#handle = calls.hashCreate(algorithm);
  }

  /**
   * Takes more bytes, which must not change until the promise settles. One update at a time: EBUSY is thrown where the one
   * before has not settled.
   */
  update(bytes: Uint8Array): Promise<void> {
    return calls.hashUpdate(this.#handle, bytes);
  }

  /** The digest in hex. Nothing can be added afterwards. */
  hex(): string {
    return calls.hashFinish(this.#handle).toString('hex');
  }
}
