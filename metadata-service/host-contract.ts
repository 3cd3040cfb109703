import type { Socket } from 'node:net';
import type { AddressNote } from '../netns/index.ts';
import type { Pod, ProcessIdentity } from './pod.ts';
import type { Peer } from './registration.ts';

export interface ProcessWatch {
  /** Resolves when the process has ended or the watch was cancelled. */
  readonly ended: Promise<void>;
  cancel(): void;
}

/** What the service needs of the machine it runs on; host.ts is the real one. */
export interface Host {
  /** Whether the loopback link has the address. */
  hasAddress(address: string): boolean;
  /** Gives the loopback link the address. Idempotent. */
  addAddress(address: string): Promise<void>;
  /** Takes it away again. Idempotent. */
  removeAddress(address: string): Promise<void>;
  /** Makes the kernel drop packets to the address that arrive by links that are not those of pods. Idempotent. */
  guardAddress(): void;
  /** Takes the guard back unless pods need it. Idempotent. */
  unguardAddress(): void;
  /** Locks the note about the address, made where it is missing; undefined where another service has it. */
  lockNote(path: string): AddressNote | undefined;
  /** Leads what pods send to the address to the port that the service listens on, until the result is disposed of. */
  leadPods(listenPort: number): Disposable;
  /** The process that opened a connection to the registration socket. */
  peerOf(socket: Socket): Peer;
  /** Whether the pod's process still runs and, where its directory is known, holds the lock on it. */
  isAlive(pod: Pick<Pod, 'process' | 'dir'>): boolean;
  /** Watches a process; undefined where it has ended already. */
  watchProcess(process: ProcessIdentity): ProcessWatch | undefined;
  /** Tells the service manager that the service is ready. */
  notifyReady(): Promise<void>;
}
