/**
 * Which addresses of the default network are taken. The store is an interface: on disk (lease-files.ts) for pods, in memory
 * (test/support/memory-leases.ts) for unit tests. What to give to whom is decided in ipam.ts.
 */

import type { PodNetworkKind } from './types.ts';

/** One pod's address. */
export interface Lease {
  /** The pod's address, not that of the host's end. */
  ip: string;
  uuid: string;
  kind: PodNetworkKind;
  /** The pod's directory, which it has locked while it lives; undefined in a lease that does not tell. */
  dir?: string | undefined;
}

/** The leases while nobody else can change them. */
export interface LeaseTable {
  /** All leases. What an interrupted {@link add} left behind is removed on the way. */
  list(): Lease[];
  /** False where the address is taken. The pod becomes the address's {@link holder}. */
  add(lease: Lease): boolean;
  /** Idempotent. The {@link holder} is not forgotten. */
  remove(ip: string): void;
  /** The pod that the address was given to last in this boot, living or not. */
  holder(ip: string): string | undefined;
  /** The address that was given last, or undefined. */
  readonly last: string | undefined;
  setLast(ip: string): void;
}

export interface LeaseStore {
  /** Runs `work` with the store locked against every other process. The result must not keep the table. */
  locked<T>(work: (leases: LeaseTable) => T): T;
}
