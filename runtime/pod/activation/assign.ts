/** Socket activation (aci.md, socketActivated): which of the sockets that rkt was started with is for which app. */

import type { PodManifest } from '../../appc/pod-manifest.ts';
import { RktError } from '../../base/errors.ts';
import type { AppSockets } from '../../stage1/launch.ts';
import { type SocketClaim, shownClaim, socketClaims } from './claims.ts';
import { type PassedSocket, passedSockets, shownSocket } from './passed.ts';

/**
 * The sockets of each app, in the order in which they were passed. They are found by protocol and port; several at one port, of IPv4
 * and IPv6 or of different addresses, are all the app's. The variables of the protocol are removed from `env`.
 *
 * Errors: EPORT where an app would go without a socket, EACTIVATION for a socket that no app expects; both name it.
 */
export function assignSockets(manifest: PodManifest, env: NodeJS.ProcessEnv, pid: number): AppSockets {
  const sockets = passedSockets(env, pid);
  const claims = socketClaims(manifest);
  const unfilled = claims.find((claim) => !sockets.some((socket) => fills(socket, claim)));
  if (unfilled !== undefined) throw noSocket(unfilled, sockets);
  const assigned = new Map<string, { fd: number; name: string }[]>();
  for (const socket of sockets) {
    const claim = claims.find((candidate) => fills(socket, candidate));
    if (claim === undefined) throw noApp(socket, claims);
    const own = assigned.get(claim.app) ?? [];
    assigned.set(claim.app, [...own, { fd: socket.fd, name: socket.name ?? claim.port }]);
  }
  return assigned;
}

const fills = (socket: PassedSocket, claim: SocketClaim): boolean =>
  socket.protocol === claim.protocol &&
  socket.port === claim.hostPort &&
  (claim.hostIp === undefined || claim.hostIp === socket.address);

function noSocket(claim: SocketClaim, sockets: readonly PassedSocket[]): RktError {
  const setting = claim.protocol === 'tcp' ? 'ListenStream' : 'ListenDatagram';
  const value = `${claim.hostIp === undefined ? '' : `${claim.hostIp}:`}${claim.hostPort}`;
  return new RktError(
    `app "${claim.app}": its port "${claim.port}" is socket-activated, and rkt was started without a socket ${shownClaim(claim)}`,
    {
      code: 'EPORT',
      hint:
        sockets.length === 0
          ? `let systemd start rkt by a socket unit with ${setting}=${value}`
          : `there is ${sockets.map(shownSocket).join(', ')}; --port=${claim.port}:PORT says which port of the host is meant`,
    },
  );
}

function noApp(socket: PassedSocket, claims: readonly SocketClaim[]): RktError {
  const expected = claims.map((claim) => `${shownClaim(claim)} for port "${claim.port}" of app "${claim.app}"`);
  return new RktError(`rkt was started with a socket that no app of the pod expects: ${shownSocket(socket)}`, {
    code: 'EACTIVATION',
    hint:
      expected.length === 0
        ? 'no port of the pod is socket-activated; "socketActivated" of a port in the image manifest says so'
        : `expected is ${expected.join(', ')}`,
  });
}
