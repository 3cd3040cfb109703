/** Which ports of the host something listens on, as /proc/net tells (Linux Documentation/networking/proc_net_tcp.rst). */

import { readOptional } from '../runtime/base/files.ts';
import { ipv4FromBytes } from './ipv4.ts';
import type { PortForward, PortProtocol } from './types.ts';

/** A local address and port; an address that is undefined stands for all. */
export interface Listener {
  readonly protocol: PortProtocol;
  readonly ip: string | undefined;
  readonly port: number;
}

/** States of sockets that take what nobody is connected to: listening for TCP, not connected for UDP. */
const receiving = { tcp: '0A', udp: '07' } as const;

/** The listeners of one of the files; those of IPv6 are there only where they take IPv4 as well. */
export function parseListeners(protocol: PortProtocol, text: string): Listener[] {
  return text.split('\n').flatMap((line): Listener[] => {
    const [, address = '', port = '', state] = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ ([0-9A-F]{2}) /.exec(line) ?? [];
    if (state !== receiving[protocol]) return [];
    const ip = ipv4Of(address);
    return ip === 'none' ? [] : [{ protocol, ip, port: Number.parseInt(port, 16) }];
  });
}

/** The kernel prints words of 32 bits in the machine's byte order. */
function ipv4Of(address: string): string | undefined {
  if (/^0+$/.test(address)) return undefined;
  const mapped = /^(?:0{16}FFFF0000)?([0-9A-F]{8})$/.exec(address)?.[1];
  return mapped === undefined ? 'none' : ipv4FromBytes(Buffer.from(mapped, 'hex').reverse());
}

/** The first listener that would lose what the port is forwarded for. */
export function listenerOn(forward: PortForward, listeners: readonly Listener[]): Listener | undefined {
  return listeners.find(
    ({ protocol, ip, port }) =>
      protocol === forward.protocol &&
      port === forward.hostPort &&
      (ip === undefined || forward.hostIp === undefined || ip === forward.hostIp),
  );
}

/** Everything that listens in the network namespace of the caller. */
export function listListeners(protocol: PortProtocol): Listener[] {
  return [protocol, `${protocol}6`].flatMap((name) => parseListeners(protocol, readTable(name)));
}

/** Empty on a kernel without IPv6. */
const readTable = (name: string): string => readOptional(`/proc/self/net/${name}`) ?? '';
