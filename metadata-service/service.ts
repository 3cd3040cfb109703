/** Puts the parts together, starts them in order, and stops them in the opposite order. */

import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { dirname } from 'node:path';
import { messageOf, RktError } from '../runtime/base/errors.ts';
import type { Log } from '../runtime/base/log.ts';
import { metadataAddressNote, metadataDbDir, metadataPort } from '../runtime/base/paths.ts';
import { createPodApp } from './app.ts';
import { Connections } from './connections.ts';
import type { Host } from './host-contract.ts';
import { Identity } from './identity.ts';
import { firstPodMs, IdleWatch } from './idle.ts';
import { KeyRing } from './key-ring.ts';
import { defaultLimits, type Limits, RateLimiter } from './limits.ts';
import { Metrics } from './metrics.ts';
import type { PodRecord } from './pod.ts';
import { createRegistrationApp } from './registration.ts';
import { Registry } from './registry.ts';
import {
  closeServer,
  createPodServer,
  createRegistrationServer,
  listen,
  listenForPods,
  listenUnix,
  refuseIfServed,
} from './server.ts';
import { registrationFd } from './socket-activation.ts';
import { openStore, type Store } from './store.ts';
import { UndoStack } from './undo-stack.ts';

export interface MetadataServiceOptions {
  /** rkt's data directory; the database is in it. */
  readonly dataDir: string;
  /** Where the runtime registers pods. */
  readonly socketPath: string;
  /** The address that pods ask, at port 80. */
  readonly address: string;
  /** The port of that address to listen on; what pods send to port 80 is led there. */
  readonly listenPort: number;
  /** Whether reading needs the token, for every pod. */
  readonly requireToken: boolean;
  /** End once the last pod has gone, or none came. */
  readonly untilIdle: boolean;
  readonly log: Log;
  readonly host?: Host;
  /** Descriptors from systemd: {@link takeListenFds}. */
  readonly listenFds?: readonly number[];
  /** NOTIFY_SOCKET is set: tell systemd when the service is ready. */
  readonly notify?: boolean;
  readonly limits?: Partial<Limits>;
}

export interface MetadataService {
  /** Stops gracefully; resolves when everything is undone. May be called more than once. */
  close(): Promise<void>;
  /** Settles when the service has stopped, by `close` or because it was idle. */
  readonly done: Promise<void>;
}

/** Longer than a monitor takes from giving its pod's address back to its end; short enough to wait for an error. */
const conflictWaitMs = 500;

/** What requests in flight get when the service stops. */
const stopGraceMs = 2_000;

/**
 * Starts the service; resolves when it answers registrations and pods. Throws a RktError with one sentence where it cannot:
 * EMETADATARUNNING, EMETADATADB, EMETADATALISTEN, EACTIVATION, or what adding the address says. What was done by then is
 * undone.
 */
export async function startMetadataService(options: MetadataServiceOptions): Promise<MetadataService> {
  const undo = new UndoStack(options.log);
  const stopped = Promise.withResolvers<void>();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= undo.run().then(stopped.resolve);
    return closing;
  };
  try {
    await start(options, undo, close);
  } catch (error) {
    await close();
    throw error;
  }
  return { close, done: stopped.promise };
}

async function start(options: MetadataServiceOptions, undo: UndoStack, close: () => Promise<void>): Promise<void> {
  const host = options.host ?? (await import('./host.ts')).createHost();
  const fd = registrationFd(options.listenFds ?? []);
  mkdirSync(dirname(options.socketPath), { recursive: true, mode: 0o755 });
  if (fd === undefined) await refuseIfServed(options.socketPath);

  const { store, state } = await openStore(metadataDbDir(options.dataDir), options.log);
  undo.add('closing the database', () => store.close());

  const parts = assemble(options, host, store, new Identity(state.keys));
  const letGo = async () => parts.registry.freeze();
  undo.add('letting go of the pods', letGo);
  await recover(parts.registry, state.pods, host, store, options.log);

  undo.add('removing the guard of the address', async () => host.unguardAddress());
  // First, as it keeps a garbage collection from removing the guard.
  noteAddress(options, host, undo);
  host.guardAddress();
  await host.addAddress(options.address);
  await listenForPods(parts.podServer, options.address, options.listenPort);
  undo.add('closing the server for pods', () => closeServer(parts.podServer, stopGraceMs));
  const lead = host.leadPods(options.listenPort);
  undo.add('leading pods here no longer', async () => lead[Symbol.dispose]());
  if (fd === undefined) await listenUnix(parts.registrationServer, options.socketPath);
  else await listen(parts.registrationServer, { fd }, 'the socket passed by systemd');
  undo.add('closing the registration socket', () => closeServer(parts.registrationServer, stopGraceMs));
  undo.add('letting go of the pods', letGo);

  if (options.untilIdle) watchIdle(parts, undo, close);
  if (options.notify) await announce(host, options.log);
}

/** A service that cannot say that it is ready is ready all the same; a service manager that waits for it will tell. */
async function announce(host: Host, log: Log): Promise<void> {
  try {
    await host.notifyReady();
  } catch (error) {
    log.warn(`metadata service: telling the service manager that it is ready: ${messageOf(error)}`);
  }
}

interface Parts {
  readonly registry: Registry;
  readonly podServer: Server;
  readonly registrationServer: Server;
  /** Set once the service is up. */
  onSizeChange: () => void;
}

function assemble(options: MetadataServiceOptions, host: Host, store: Store, identity: Identity): Parts {
  const { log } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const metrics = new Metrics();
  const now = () => performance.now();
  const registry: Registry = new Registry({
    store,
    isAlive: (pod) => host.isAlive(pod),
    conflictWaitMs,
    metrics,
    log,
    onRemoved: (pod) => pod.ip !== undefined && connections.closeFrom(pod.ip),
    onSizeChange: () => parts.onSizeChange(),
  });
  const connections = new Connections(limits, (address) => registry.byAddress(address) !== undefined);
  const keyRing = new KeyRing(identity, (keys) => store.putKeys(keys));
  const podApp = createPodApp({
    pods: registry,
    identity,
    limits,
    rate: new RateLimiter(limits, now),
    metrics,
    log,
    hosts: new Set([options.address, `${options.address}:${metadataPort}`]),
    requireToken: options.requireToken,
    now,
  });
  const registrationApp = createRegistrationApp({
    registry,
    metrics,
    log,
    peerOf: (socket) => host.peerOf(socket),
    rotateKey: () => keyRing.rotate(),
    connections: () => connections.total,
  });
  const parts: Parts = {
    registry,
    podServer: createPodServer({ app: podApp, limits, connections, metrics }),
    registrationServer: createRegistrationServer(registrationApp),
    onSizeChange: () => {},
  };
  return parts;
}

/** Serves the pods again that were registered before and still live, by watching their monitors; forgets the others. */
async function recover(registry: Registry, pods: PodRecord[], host: Host, store: Store, log: Log): Promise<void> {
  for (const record of pods) {
    try {
      const watch = host.isAlive(record) ? host.watchProcess(record.process) : undefined;
      if (watch !== undefined) {
        registry.recover(record, watch);
        continue;
      }
      log.debug(`metadata service: pod ${record.uuid} has ended while the service was down`);
    } catch (error) {
      log.warn(`metadata service: pod ${record.uuid} is not served again: ${messageOf(error)}`);
      continue;
    }
    await store.deletePod(record.uuid);
  }
}

/**
 * Notes beside the socket whether the address is ours to remove, before it is added: a service that is killed leaves both behind, and
 * neither the next one nor `rkt gc` must take the address for the administrator's.
 */
function noteAddress({ socketPath, address }: MetadataServiceOptions, host: Host, undo: UndoStack): void {
  const path = metadataAddressNote(dirname(socketPath));
  const note = host.lockNote(path);
  if (note === undefined) {
    throw new RktError(`cannot start the metadata service: it is already running, ${path} is locked`, {
      code: 'EMETADATARUNNING',
      hint: 'use the one that runs, or stop it first',
    });
  }
  const ours = !host.hasAddress(address) || note.ours === true;
  note.write(address, ours);
  undo.add(`removing the address ${address}`, async () => {
    if (ours) await host.removeAddress(address);
    note.remove();
  });
}

function watchIdle(parts: Parts, undo: UndoStack, close: () => Promise<void>): void {
  const watch = new IdleWatch(firstPodMs, () => void close());
  undo.add('ending the idle watch', async () => watch.stop());
  parts.onSizeChange = () => watch.update(parts.registry.size);
  if (parts.registry.size > 0) watch.update(parts.registry.size);
}
