/**
 * Socket activation (aci.md, socketActivated): which of the sockets that rkt was started with is for which app, and which are to be
 * opened in the pod's network.
 */

import type { PodManifest } from '../../appc/pod-manifest.ts';
import { RktError } from '../../base/errors.ts';
import type { PlanSocket } from '../../stage1/plan.ts';
import { portKey } from '../forwards.ts';
import { claimedTwice, type SocketClaim, shownClaim, shownPlace, socketClaims } from './claims.ts';
import { type PassedSocket, passedSockets, shownSocket } from './passed.ts';
import type { PodSockets } from './pod-sockets.ts';

/**
 * The sockets of each app: those that rkt was started with, in the order in which they were passed, and behind them one for each port
 * without such a socket, to be opened. They are found by protocol and port; several at one port, of IPv4 and IPv6 or of different
 * addresses, are all the app's. The variables of the protocol are removed from `env`.
 *
 * Errors: EPORT where two apps would have one socket, EACTIVATION for a socket that no app expects; both name it.
 */
export function assignSockets(manifest: PodManifest, env: NodeJS.ProcessEnv, pid: number): PodSockets {
  const sockets = passedSockets(env, pid);
  const claims = socketClaims(manifest);
  const apps = new Map<string, PlanSocket[]>();
  const give = (app: string, socket: PlanSocket): unknown => apps.set(app, [...(apps.get(app) ?? []), socket]);
  const met = new Set<SocketClaim>();
  for (const socket of sockets) {
    const claim = claimOn(socket, claims);
    met.add(claim);
    give(claim.app, { fd: socket.fd, name: socket.name || claim.port });
  }
  const unmet = claims.filter((claim) => !met.has(claim));
  refuseOnePort(unmet);
  for (const { app, port, protocol, ownPort } of unmet) give(app, { open: protocol, port: ownPort, name: port });
  return { apps, passed: new Set([...met].map(({ port, ownPort }) => portKey(port, ownPort))) };
}

const fills = (socket: PassedSocket, claim: SocketClaim): boolean =>
  socket.protocol === claim.protocol &&
  socket.port === claim.hostPort &&
  (claim.hostIp === undefined || claim.hostIp === socket.address);

function claimOn(socket: PassedSocket, claims: readonly SocketClaim[]): SocketClaim {
  const [claim, other] = claims.filter((candidate) => fills(socket, candidate));
  if (claim === undefined) throw noApp(socket, claims);
  if (other !== undefined) throw claimedTwice(claim, other, shownClaim(other));
  return claim;
}

/** All apps of a pod are on one network. */
function refuseOnePort(claims: readonly SocketClaim[]): void {
  const seen = new Map<string, SocketClaim>();
  for (const claim of claims) {
    const place = `${claim.protocol} ${claim.ownPort}`;
    const other = seen.get(place);
    if (other !== undefined) throw claimedTwice(other, claim, `${place} of the pod's network`);
    seen.set(place, claim);
  }
}

const noApp = (socket: PassedSocket, claims: readonly SocketClaim[]): RktError =>
  new RktError(`rkt was started with a socket that no app of the pod expects: ${shownSocket(socket)}`, {
    code: 'EACTIVATION',
    hint: whatFits(socket, claims),
  });

/** The line of a socket unit that opens sockets of a protocol. */
const unitLine = { tcp: 'ListenStream=', udp: 'ListenDatagram=' } as const;

/** By the claim that is nearest: all but the address, all but the protocol, or none. */
function whatFits(socket: PassedSocket, claims: readonly SocketClaim[]): string {
  const atPort = claims.filter((claim) => claim.hostPort === socket.port);
  const elsewhere = atPort.find(({ protocol }) => protocol === socket.protocol);
  if (elsewhere !== undefined) {
    const place = shownPlace(elsewhere);
    return `${shownPort(elsewhere)} expects it at exactly ${place}: let the socket unit have ${unitLine[socket.protocol]}${place}, or leave the address out of --port`;
  }
  const [other] = atPort;
  if (other !== undefined) {
    const wanted = `${unitLine[other.protocol]}${shownPlace(other)}`;
    return `${shownPort(other)} is ${other.protocol}: let the socket unit have ${wanted} instead of ${unitLine[socket.protocol]}`;
  }
  if (claims.length === 0) {
    return 'no port of the pod is socket-activated; "socketActivated" of a port in the image manifest says so';
  }
  const expected = claims.map((claim) => `${shownClaim(claim)} for ${shownPort(claim)}`);
  return `none is at port ${socket.port}; expected is ${expected.join(', ')}`;
}

const shownPort = ({ app, port }: SocketClaim): string => `port "${port}" of app "${app}"`;
