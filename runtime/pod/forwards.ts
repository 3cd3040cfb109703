/**
 * Which ports of the host lead to which of a pod: its exposed ports (pods.md, ports), looked up by name among those of its apps. To a
 * socket-activated port for which rkt was started with a socket nothing has to lead: its app has the socket of the host (activation/).
 */

import { maxForwards, type PortForward, type PortProtocol } from '../../netns/index.ts';
import type { PodManifest } from '../appc/pod-manifest.ts';
import type { ExposedPort, Port } from '../appc/port.ts';
import { RktError } from '../base/errors.ts';
import type { PodNetworking } from './networks.ts';

/** The ports, by `portKey`, whose apps have sockets that rkt was started with. */
export type PassedPorts = ReadonlySet<string>;

/** One port of a pod: by its name, and its number where the name stands for a range. */
export const portKey = (name: string, port: number): string => `${name}:${port}`;

const portError = (message: string, hint?: string): RktError =>
  new RktError(message, hint === undefined ? { code: 'EPORT' } : { code: 'EPORT', hint });

/**
 * One forward for each port of the host; an exposed range has as many as its app declares. Errors: EPORT for a port that no app or
 * more than one declares, for protocols other than TCP and UDP, and for networks by which a pod cannot be reached.
 */
export function podForwards(manifest: PodManifest, networking: PodNetworking, passed: PassedPorts): PortForward[] {
  // On the host's network an app listens on the host itself.
  const exposed = networking === 'host' ? [] : forwardedPorts(manifest, passed);
  if (exposed.length === 0) return [];
  if (networking !== 'default') {
    throw portError(
      `port "${exposed[0]?.name}" cannot be forwarded: the pod is not on the default network`,
      'only pods on the network "default" are reached from outside',
    );
  }
  const forwards = exposed.flatMap((port) => forwardsOf(port, manifest, passed));
  if (forwards.length > maxForwards) {
    throw portError(`${forwards.length} ports of the host are to be forwarded; a pod can have ${maxForwards}`);
  }
  refuseTwice(forwards);
  return forwards;
}

/** The exposed ports of a pod without those whose apps have the sockets already. */
export function forwardedPorts({ apps, ports }: PodManifest, passed: PassedPorts): readonly ExposedPort[] {
  if (ports.length === 0 || passed.size === 0) return ports;
  const declared = apps.flatMap(({ app }) => app?.ports ?? []);
  return ports.filter(({ name, podPort }) => {
    const own = podPort ?? declared.find((port) => port.name === name);
    return own === undefined || !numbersOf(own).every((port) => passed.has(portKey(name, port)));
  });
}

const numbersOf = ({ port, count }: Port): number[] => Array.from({ length: count }, (_, index) => port + index);

function forwardsOf(exposed: ExposedPort, manifest: PodManifest, passed: PassedPorts): PortForward[] {
  const { name, hostPort, hostIP } = exposed;
  const own = exposed.podPort ?? declaredPort(name, manifest);
  const { protocol, count } = own;
  if (hostPort + count - 1 > 65535) {
    throw portError(`port "${name}": the ${count} ports of the host from ${hostPort} on end beyond 65535`);
  }
  const known = protocolOf(name, protocol);
  const forwards = numbersOf(own).map((podPort, index) => ({
    protocol: known,
    ...(hostIP === undefined ? {} : { hostIp: hostIP }),
    hostPort: hostPort + index,
    podPort,
  }));
  return forwards.filter(({ podPort }) => !passed.has(portKey(name, podPort)));
}

function protocolOf(name: string, protocol: string): PortProtocol {
  const text = protocol.toLowerCase();
  if (text === 'tcp' || text === 'udp') return text;
  throw portError(`port "${name}": protocol "${protocol}" cannot be forwarded, only tcp and udp`);
}

function declaredPort(name: string, { apps }: PodManifest): Port {
  const all = apps.flatMap((app) => (app.app?.ports ?? []).map((port) => ({ app: app.name, port })));
  const [found, other] = all.filter(({ port }) => port.name === name);
  if (found === undefined) {
    const names = [...new Set(all.map(({ port }) => port.name))];
    throw portError(
      `no app of the pod has a port named "${name}"`,
      names.length === 0 ? 'no image declares a port' : `there are ${names.join(', ')}`,
    );
  }
  if (other !== undefined) {
    throw portError(`apps "${found.app}" and "${other.app}" both have a port named "${name}"`);
  }
  return found.port;
}

function refuseTwice(forwards: readonly PortForward[]): void {
  const seen = new Set<string>();
  for (const { protocol, hostPort, hostIp } of forwards) {
    const [at, any] = [`${protocol}:${hostPort}:${hostIp}`, `${protocol}:${hostPort}:${undefined}`];
    const clash = seen.has(at) || seen.has(any) || (hostIp === undefined && seen.has(`${protocol}:${hostPort}`));
    if (clash) throw portError(`port ${hostPort} (${protocol}) of the host is given twice`);
    seen.add(at);
    seen.add(`${protocol}:${hostPort}`);
  }
}
