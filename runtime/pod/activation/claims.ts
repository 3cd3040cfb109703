/** Which sockets the apps of a pod expect to be given: the socket-activated ports of aci.md, and where on the host they would be. */

import type { PortProtocol } from '../../../netns/index.ts';
import type { PodManifest } from '../../appc/pod-manifest.ts';
import type { ExposedPort, Port } from '../../appc/port.ts';
import { RktError } from '../../base/errors.ts';

/** One socket that an app expects. */
export interface SocketClaim {
  readonly app: string;
  /** The name of the app's port. */
  readonly port: string;
  readonly protocol: PortProtocol;
  /** The app's own number of it, which the socket has where rkt opens it. */
  readonly ownPort: number;
  /** The port of the host that a socket for it has. */
  readonly hostPort: number;
  /** The only address of the host that such a socket may have; absent: any. */
  readonly hostIp?: string;
}

/** As socket units have it: `80`, `192.0.2.1:80`, `[::1]:80`. */
export function shownPlace({ hostIp, hostPort }: SocketClaim): string {
  if (hostIp === undefined) return String(hostPort);
  return `${hostIp.includes(':') ? `[${hostIp}]` : hostIp}:${hostPort}`;
}

export const shownClaim = (claim: SocketClaim): string => `${claim.protocol} ${shownPlace(claim)}`;

/**
 * The claims of all apps. A port that is exposed is expected at the port of the host that this says, as rkt has it; any other at its own
 * number. A range has as many as it is long. Errors: EPORT for protocols other than TCP and UDP, for ranges that end beyond the last
 * port, and for a socket-activated port of the pod manifest that no app has.
 */
export function socketClaims(manifest: PodManifest): SocketClaim[] {
  const exposures = new Map(manifest.ports.map((exposed) => [exposed.name, exposed]));
  const claims = manifest.apps.flatMap(({ name, app }) =>
    (app?.ports ?? []).flatMap((port) => claimsOf(name, port, exposures.get(port.name))),
  );
  const names = new Set(claims.map(({ port }) => port));
  const lost = manifest.ports.find(({ name, podPort }) => podPort?.socketActivated === true && !names.has(name));
  if (lost !== undefined) throw claimError(`port "${lost.name}" is socket-activated, and no app of the pod has it`);
  return claims;
}

function claimsOf(app: string, declared: Port, exposed: ExposedPort | undefined): SocketClaim[] {
  const { name, protocol, port, count, socketActivated } = exposed?.podPort ?? declared;
  if (!socketActivated) return [];
  const known = protocol.toLowerCase();
  if (known !== 'tcp' && known !== 'udp') {
    throw claimError(
      `app "${app}": port "${name}" is socket-activated, which "${protocol}" cannot be, only tcp and udp`,
    );
  }
  const first = exposed?.hostPort ?? port;
  if (first + count - 1 > 65535) {
    throw claimError(`port "${name}": the ${count} ports of the host from ${first} on end beyond 65535`);
  }
  return Array.from({ length: count }, (_, index) => ({
    app,
    port: name,
    protocol: known,
    ownPort: port + index,
    hostPort: first + index,
    ...(exposed?.hostIP === undefined ? {} : { hostIp: exposed.hostIP }),
  }));
}

/** Two claims of which only one can be met, at `place`. */
export function claimedTwice(one: SocketClaim, other: SocketClaim, place: string): RktError {
  const who = one.app === other.app ? `app "${one.app}" expects` : `apps "${one.app}" and "${other.app}" expect`;
  return claimError(`${who} the socket ${place} for ports "${one.port}" and "${other.port}"`);
}

const claimError = (message: string): RktError => new RktError(message, { code: 'EPORT' });
