/** Getting hold of the metadata service before a pod is made, and telling it about the pod. */

import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { PodNetwork } from '../../netns/index.ts';
import { isRktError, RktError } from '../base/errors.ts';
import { metadataSocket, metadataUrl } from '../base/paths.ts';
import { randomBytes } from '../base/random.ts';
import type { PreparedApp } from '../stage1/prepared-app.ts';
import type { HeldPod } from './pod-dir.ts';
import { connectMetadataService, register } from './registration.ts';

/** The command line that starts a metadata service: program and arguments. */
export type ServiceCommand = readonly [string, ...string[]];

/**
 * A connection to the service, which becomes the pod's lease. With `spawn` a service is started where none runs; it ends by
 * itself when its last pod has gone. Errors: ENOMDS.
 */
export async function reachMetadataService(spawnCommand: ServiceCommand | undefined): Promise<number> {
  try {
    return connectMetadataService(metadataSocket);
  } catch (error) {
    if (spawnCommand === undefined || !isRktError(error)) throw error;
  }
  const failure = await spawnService(spawnCommand);
  try {
    return connectMetadataService(metadataSocket);
  } catch (error) {
    if (failure === undefined) throw error;
    throw new RktError(`starting a metadata service: ${failure}`, { code: 'ENOMDS', cause: error });
  }
}

/** Names the descriptor on which a service that was started by a program says that it is ready, by one byte. */
export const readyFdVariable = 'RKT_READY_FD';

/**
 * Starts a service in a session of its own and waits until it is ready. Returns what it said where it was not (which may
 * only mean that another pod's service was faster).
 */
async function spawnService([program, ...args]: ServiceCommand): Promise<string | undefined> {
  const { spawn } = await import('node:child_process');
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    cwd: '/',
    env: { PATH: process.env.PATH, [readyFdVariable]: '3' },
  });
  const errors: Buffer[] = [];
  const stderr = child.stderr as Readable;
  const ready = child.stdio[3] as Readable;
  stderr.on('data', (data: Buffer) => errors.push(data));
  const [event] = await Promise.race([
    once(ready, 'data').then(() => ['ready']),
    once(child, 'exit').then(() => ['exit']),
    once(child, 'error').then(() => ['exit']),
  ]);
  stderr.destroy();
  ready.destroy();
  child.unref();
  return event === 'ready'
    ? undefined
    : Buffer.concat(errors)
        .toString()
        .trim()
        .replace(/^rkt: /, '');
}

/** 256 bits, which is twice what ace.md asks for. */
export const newToken = (): string => randomBytes(32).toString('base64url');

/** Where a pod with this token finds its metadata. */
export const metadataUrlFor = (token: string | undefined): string =>
  token === undefined ? metadataUrl : `${metadataUrl}/${token}`;

/**
 * Tells the service everything it will answer for this pod. It is durable there when the function that is returned has
 * returned. Errors: EREGISTER, from either.
 */
export function registerPod(
  lease: number,
  pod: HeldPod,
  token: string,
  network: PodNetwork | undefined,
  apps: readonly PreparedApp[],
  manifestText: string,
): () => void {
  return register(lease, {
    uuid: pod.uuid,
    dir: pod.dir,
    token,
    requireToken: false,
    podManifest: manifestText,
    images: Object.fromEntries(apps.map(({ name, image }) => [name, { id: image.id, manifest: image.manifestText }])),
    ...(network === undefined ? {} : { ip: network.ip, hostInterface: network.hostInterface }),
  });
}
