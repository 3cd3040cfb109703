/** Pods, a machine that does nothing, and a store in memory, for the tests of the metadata service. */

import type { Host, ProcessWatch } from '../../../metadata-service/host-contract.ts';
import { defaultLimits, type Limits, RateLimiter } from '../../../metadata-service/limits.ts';
import { Metrics } from '../../../metadata-service/metrics.ts';
import type { PodRecord } from '../../../metadata-service/pod.ts';
import { hashToken } from '../../../metadata-service/pod.ts';
import { type Lease, Registry, type RegistryOptions, type RegistryStore } from '../../../metadata-service/registry.ts';
import { type AddressNote, lockAddressNote } from '../../../netns/index.ts';
import { quiet } from '../../../runtime/base/log.ts';

export const imageId = `sha512-${'ab'.repeat(64)}`;

/** The n-th pod has the n-th uuid, token and address. */
export const uuidOf = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
export const tokenOf = (n: number): string => `token-of-pod-${n.toString().padStart(12, '0')}`;
export const addressOf = (n: number): string => `10.28.0.${n}`;

/** Written with odd spaces: the service has to serve the original text. */
export const imageManifest = `{"acKind": "ImageManifest",  "acVersion": "0.8.11", "name": "example.com/worker",
 "annotations": [{"name": "created", "value": "2026-01-02T03:04:05Z"}, {"name": "example.com/tier", "value": "image"}]}`;

export function podManifestOf(n: number): string {
  return JSON.stringify({
    acVersion: '0.8.11',
    acKind: 'PodManifest',
    apps: [
      {
        name: 'worker',
        image: { id: imageId },
        annotations: [
          { name: 'example.com/tier', value: 'pod' },
          { name: 'example.com/pod', value: String(n) },
        ],
      },
    ],
    annotations: [{ name: 'ip-address', value: addressOf(n) }],
  });
}

/** The body of a registration, as the runtime sends it. */
export function registrationOf(n: number, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    uuid: uuidOf(n),
    ip: addressOf(n),
    hostInterface: `rkt${n}`,
    token: tokenOf(n),
    requireToken: false,
    podManifest: podManifestOf(n),
    images: { worker: { id: imageId, manifest: imageManifest } },
    ...changes,
  };
}

export function recordOf(n: number, changes: Partial<PodRecord> = {}): PodRecord {
  return {
    uuid: uuidOf(n),
    ip: addressOf(n),
    tokenHash: hashToken(tokenOf(n)),
    requireToken: false,
    podManifest: podManifestOf(n),
    images: { worker: { id: imageId, manifest: imageManifest } },
    process: { pid: 1000 + n, startTime: '1' },
    ...changes,
  };
}

/** A lease that the test ends. */
export class TestLease implements Lease {
  readonly ended: Promise<void>;
  readonly end: () => void;
  cancelled = false;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.end = resolve;
  }

  cancel(): void {
    this.cancelled = true;
  }
}

/** A store whose writes can be held back or made to fail. */
export class MemoryStore implements RegistryStore {
  readonly records = new Map<string, PodRecord>();
  hold: Promise<void> = Promise.resolve();

  async putPod(record: PodRecord): Promise<void> {
    await this.hold;
    this.records.set(record.uuid, record);
  }

  async deletePod(uuid: string): Promise<void> {
    await this.hold;
    this.records.delete(uuid);
  }
}

export function createRegistry(changes: Partial<RegistryOptions> = {}): Registry {
  return new Registry({
    store: new MemoryStore(),
    isAlive: () => true,
    conflictWaitMs: 0,
    metrics: new Metrics(),
    log: quiet,
    onRemoved: () => {},
    onSizeChange: () => {},
    ...changes,
  });
}

export function limitsWith(changes: Partial<Limits>): Limits {
  return { ...defaultLimits, ...changes };
}

/** A limiter whose clock stands still. */
export function frozenRate(changes: Partial<Limits> = {}): RateLimiter {
  return new RateLimiter(limitsWith(changes), () => 0);
}

/** A machine on which every process is root and alive until the test says otherwise. */
export class FakeHost implements Host {
  readonly calls: string[] = [];
  addressWasThere = false;
  uid = 0;
  isOnHost = true;
  dead = new Set<number>();
  nextPid = 100;
  readonly watches = new Map<number, () => void>();

  hasAddress(): boolean {
    return this.addressWasThere;
  }

  async addAddress(address: string): Promise<void> {
    this.calls.push(`add ${address}`);
  }

  async removeAddress(address: string): Promise<void> {
    this.calls.push(`remove ${address}`);
  }

  lockNote(path: string): AddressNote | undefined {
    return lockAddressNote(path, true);
  }

  leadPods(): Disposable {
    this.calls.push('lead');
    return { [Symbol.dispose]: () => void this.calls.push('no lead') };
  }

  guardAddress(): void {
    this.calls.push('guard');
  }

  unguardAddress(): void {
    this.calls.push('unguard');
  }

  peerOf(): { pid: number; uid: number; startTime: string; isOnHost: boolean } {
    this.nextPid += 1;
    return { pid: this.nextPid, uid: this.uid, startTime: '1', isOnHost: this.isOnHost };
  }

  isAlive(pod: { process: { pid: number } }): boolean {
    return !this.dead.has(pod.process.pid);
  }

  watchProcess({ pid }: { pid: number }): ProcessWatch | undefined {
    if (this.dead.has(pid)) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.watches.set(pid, resolve);
    return { ended: promise, cancel: () => {} };
  }

  async notifyReady(): Promise<void> {
    this.calls.push('ready');
  }
}
