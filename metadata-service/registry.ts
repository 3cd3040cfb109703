/**
 * Which pods there are. Look-ups are served from memory; the store is written before a registration counts, so that every
 * pod that was told "registered" is known again after a restart.
 */

import { messageOf } from '../runtime/base/errors.ts';
import type { Log } from '../runtime/base/log.ts';
import { type ErrorCode, ServiceError } from './errors.ts';
import type { Metrics } from './metrics.ts';
import { createPod, type Pod, type PodRecord } from './pod.ts';

/** What tells that a pod has ended: its registration's connection, or after a restart its monitor's pidfd. */
export interface Lease {
  /** Resolves when the pod has ended; never rejects. */
  readonly ended: Promise<void>;
  /** The service does not want to know any more. `ended` may stay unsettled or resolve. */
  cancel(): void;
}

export interface RegistryStore {
  putPod(record: PodRecord): Promise<void>;
  deletePod(uuid: string): Promise<void>;
}

export interface RegistryOptions {
  readonly store: RegistryStore;
  /** Whether the pod is alive although its lease has not ended: the last word before its uuid or address is given away. */
  readonly isAlive: (pod: Pod) => boolean;
  /** How long a registration waits for the lease of a pod that is in its way. */
  readonly conflictWaitMs: number;
  readonly metrics: Metrics;
  readonly log: Log;
  /** A pod was served until now. */
  readonly onRemoved: (pod: Pod) => void;
  /** Called after every change of `size`. */
  readonly onSizeChange: () => void;
}

type RemovalEvent = 'lease_closed' | 'process_ended' | 'deleted' | 'replaced';

interface Entry {
  readonly pod: Pod;
  readonly lease: Lease;
  /** False until the store has the registration: the pod holds its uuid, address and token, but is not served. */
  served: boolean;
}

export class Registry {
  readonly #options: RegistryOptions;
  readonly #byUuid = new Map<string, Entry>();
  readonly #byAddress = new Map<string, Entry>();
  readonly #byToken = new Map<string, Entry>();
  #frozen = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Pods that are registered or about to be. */
  get size(): number {
    return this.#byUuid.size;
  }

  byAddress(address: string): Pod | undefined {
    return served(this.#byAddress.get(address));
  }

  byTokenHash(hash: string): Pod | undefined {
    return served(this.#byToken.get(hash));
  }

  byUuid(uuid: string): Pod | undefined {
    return served(this.#byUuid.get(uuid));
  }

  list(): Pod[] {
    return Array.from(this.#byUuid.values(), served).filter((pod) => pod !== undefined);
  }

  /**
   * Registers a pod for as long as its lease lasts. Resolves when it is stored and served. A dead pod that still holds its
   * uuid, address or token is unregistered first; a living one is a conflict (`uuid_registered`, `address_registered`,
   * `token_registered`).
   */
  async register(record: PodRecord, lease: Lease): Promise<Pod> {
    const pod = createPod(record);
    const holder = this.#livingHolder(pod);
    if (holder !== undefined) await this.#waitForEnd(holder);
    if (this.#frozen) throw new ServiceError('stopping');
    this.#removeDeadHolders(pod);
    const entry: Entry = { pod, lease, served: false };
    this.#add(entry);
    try {
      await this.#options.store.putPod(record);
    } catch (error) {
      this.#forget(entry);
      throw error;
    }
    entry.served = true;
    this.#options.metrics.registration('registered');
    this.#follow(entry, 'lease_closed');
    return pod;
  }

  /** Serves a pod that the store had, for as long as `lease` lasts. */
  recover(record: PodRecord, lease: Lease): void {
    const entry: Entry = { pod: createPod(record), lease, served: true };
    this.#removeDeadHolders(entry.pod);
    this.#add(entry);
    this.#options.metrics.registration('recovered');
    this.#follow(entry, 'process_ended');
  }

  /** Unregisters a pod; resolves when the store has forgotten it. False where there is none. */
  async unregister(uuid: string): Promise<boolean> {
    const entry = this.#byUuid.get(uuid);
    if (entry === undefined || !entry.served) return false;
    await this.#remove(entry, 'deleted');
    return true;
  }

  /** From now on nothing changes: leases that end because the service stops do not unregister their pods. */
  freeze(): void {
    if (this.#frozen) return;
    this.#frozen = true;
    for (const { lease } of this.#byUuid.values()) lease.cancel();
  }

  /** A pod that is alive and has the uuid, address or token. */
  #livingHolder(pod: Pod): Entry | undefined {
    const holders = [this.#byUuid.get(pod.uuid), this.#byAddress.get(pod.ip ?? ''), this.#byToken.get(pod.tokenHash)];
    return holders.find((holder) => holder !== undefined && this.#options.isAlive(holder.pod));
  }

  /**
   * Gives a pod that is in the way the time to end. A pod that ends gives its address back before the last of its processes
   * is gone, and the end of its lease and the next registration can arrive in either order.
   */
  async #waitForEnd(holder: Entry): Promise<void> {
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, this.#options.conflictWaitMs);
    await Promise.race([holder.lease.ended, timeout.promise]);
    clearTimeout(timer);
  }

  #removeDeadHolders(pod: Pod): void {
    this.#removeIfDead(this.#byUuid.get(pod.uuid), 'uuid_registered');
    if (pod.ip !== undefined) this.#removeIfDead(this.#byAddress.get(pod.ip), 'address_registered');
    this.#removeIfDead(this.#byToken.get(pod.tokenHash), 'token_registered');
  }

  #removeIfDead(holder: Entry | undefined, conflict: ErrorCode): void {
    if (holder === undefined) return;
    if (!holder.served || this.#options.isAlive(holder.pod))
      throw new ServiceError(conflict, `It is ${holder.pod.uuid}.`);
    void this.#remove(holder, 'replaced');
  }

  /** Unregisters the pod when its lease ends, also where it ended while the registration was being stored. */
  #follow(entry: Entry, event: RemovalEvent): void {
    void entry.lease.ended.then(() => {
      if (!this.#frozen && this.#byUuid.get(entry.pod.uuid) === entry) return this.#remove(entry, event);
      return undefined;
    });
  }

  #add(entry: Entry): void {
    const { uuid, ip, tokenHash } = entry.pod;
    this.#byUuid.set(uuid, entry);
    if (ip !== undefined) this.#byAddress.set(ip, entry);
    this.#byToken.set(tokenHash, entry);
    this.#options.onSizeChange();
  }

  #forget(entry: Entry): void {
    const { uuid, ip, tokenHash } = entry.pod;
    this.#byUuid.delete(uuid);
    if (ip !== undefined) this.#byAddress.delete(ip);
    this.#byToken.delete(tokenHash);
    this.#options.onSizeChange();
  }

  /**
   * Takes the pod out of service at once. The store follows in its order of writes; where that fails, the next start finds
   * the pod dead and drops it.
   */
  async #remove(entry: Entry, event: RemovalEvent): Promise<void> {
    const { uuid } = entry.pod;
    this.#forget(entry);
    entry.lease.cancel();
    this.#options.metrics.registration(event);
    this.#options.log.debug(`metadata service: unregistered pod ${uuid} (${event})`);
    this.#options.onRemoved(entry.pod);
    try {
      await this.#options.store.deletePod(uuid);
    } catch (error) {
      this.#options.log.warn(`metadata service: cannot remove pod ${uuid} from the database: ${messageOf(error)}`);
    }
  }
}

function served(entry: Entry | undefined): Pod | undefined {
  return entry?.served ? entry.pod : undefined;
}
