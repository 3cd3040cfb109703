/** What the thread that downloads and the threads that unpack layers say to each other. */

import { errnoOf, messageOf } from '../../base/errors.ts';
import { ArchiveError } from '../errors.ts';
import type { SharedBudget } from './budget.ts';
import type { Digest } from './digest.ts';
import type { UnpackedLayer } from './unpack-layer.ts';

export interface StartLayer {
  readonly type: 'start';
  readonly treeDir: string;
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly lowest: boolean;
  readonly budget: SharedBudget;
  readonly maxBytes: number;
}

/** What is said of one layer; `job` is the number that the sender of `start` gave it. */
export type ToWorker = { readonly job: number } & (
  | StartLayer
  /** The buffer is handed over; the first `length` bytes of it count. */
  | { readonly type: 'data'; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly type: 'end' }
  /** Nothing more will come: the layer is given up. */
  | { readonly type: 'abort' }
);

/** `done` and `failed` are the last that is said of a layer. */
export type FromWorker = { readonly job: number } /** One data message has been used up; its buffer comes back. */ & (
  | { readonly type: 'taken'; readonly buffer: ArrayBuffer }
  | { readonly type: 'warn'; readonly message: string }
  | { readonly type: 'done'; readonly layer: UnpackedLayer }
  | { readonly type: 'failed'; readonly failure: Failure }
);

/** A message without the number of its layer. */
export type Said<Message> = Message extends unknown ? Omit<Message, 'job'> : never;

/** An error as it crosses between threads. */
export interface Failure {
  readonly archive: boolean;
  readonly message: string;
  readonly code: string | undefined;
}

export function failureOf(error: unknown): Failure {
  return { archive: error instanceof ArchiveError, message: messageOf(error), code: errnoOf(error) };
}

export function errorOf({ archive, message, code }: Failure): Error {
  return archive ? new ArchiveError(message) : Object.assign(new Error(message), code === undefined ? {} : { code });
}
