/** The sockets that whoever started rkt has opened for the pod. */

import { native, type SocketInfo } from '../../../native/index.ts';
import type { PortProtocol } from '../../../netns/index.ts';
import { errnoOf, messageOf, RktError } from '../../base/errors.ts';
import { type PassedFd, takeListenFds } from '../../base/listen-fds.ts';

/** A socket that an app can have: it listens at a TCP port, or receives at a UDP port. */
export interface PassedSocket extends PassedFd {
  readonly protocol: PortProtocol;
  readonly address: string;
  readonly port: number;
}

/** Numbers of socket(2), which are the same on every architecture that node runs on. */
const internet: readonly number[] = [2 /* AF_INET */, 10 /* AF_INET6 */];
const type = { stream: 1, datagram: 2 } as const;
const ipProtocol = { tcp: 6, udp: 17, mptcp: 262 } as const;

const portsOnly = 'let the socket unit have ListenStream= and ListenDatagram= with ports only';

/** The sockets of this process, taken from `env`. Errors: EACTIVATION for what no app can have. */
export function passedSockets(env: NodeJS.ProcessEnv, pid: number): PassedSocket[] {
  return takeListenFds(env, pid, activationError).map(describe);
}

const shownFd = ({ fd, name }: PassedFd): string => `descriptor ${fd}${name === undefined ? '' : ` ("${name}")`}`;

export const shownSocket = (socket: PassedSocket): string => {
  const { protocol, address, port, fd, name } = socket;
  const host = address.includes(':') ? `[${address}]` : address;
  return `${protocol} ${host}:${port} (descriptor ${fd}${name === undefined ? '' : `, "${name}"`})`;
};

function describe(passed: PassedFd): PassedSocket {
  const info = infoOf(passed);
  const protocol = internet.includes(info.family) ? protocolOf(info) : undefined;
  if (protocol === undefined || info.port === 0) {
    throw activationError(
      `${shownFd(passed)} is not a socket of a TCP or UDP port, and ports are all that an app can expect`,
      portsOnly,
    );
  }
  const socket = { ...passed, protocol, address: info.address, port: info.port };
  if (protocol === 'udp' || info.listening) return socket;
  throw activationError(
    `${shownSocket(socket)} does not accept connections`,
    'let the socket unit have Accept=no: the app gets the socket that listens, and not a single connection',
  );
}

function infoOf(passed: PassedFd): SocketInfo {
  try {
    return native.socketInfo(passed.fd);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOTSOCK') throw activationError(`${shownFd(passed)} is no socket`, portsOnly);
    throw activationError(`${shownFd(passed)}: ${messageOf(cause)}`);
  }
}

function protocolOf({ type: kind, protocol }: SocketInfo): PortProtocol | undefined {
  if (kind === type.stream && (protocol === ipProtocol.tcp || protocol === ipProtocol.mptcp)) return 'tcp';
  return kind === type.datagram && protocol === ipProtocol.udp ? 'udp' : undefined;
}

function activationError(reason: string, hint?: string): RktError {
  return new RktError(`taking over the sockets that rkt was started with: ${reason}`, {
    code: 'EACTIVATION',
    ...(hint === undefined ? {} : { hint }),
  });
}
