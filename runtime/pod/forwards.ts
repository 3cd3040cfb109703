/**
 * Which ports of the host lead to which of a pod: its exposed ports (pods.md, ports), looked up by name among those of its apps. To a
 * socket-activated port nothing has to lead: its app has the socket of the host (activation/).
 */

import { maxForwards, type PortForward, type PortProtocol } from '../../netns/index.ts';
import type { PodManifest } from '../appc/pod-manifest.ts';
import type { ExposedPort, Port } from '../appc/port.ts';
import { RktError } from '../base/errors.ts';
import type { PodNetworking } from './networks.ts';

const portError = (message: string, hint?: string): RktError =>
  new RktError(message, hint === undefined ? { code: 'EPORT' } : { code: 'EPORT', hint });

/**
 * One forward for each port of the host; an exposed range has as many as its app declares. Errors: EPORT for a port that no app or
 * more than one declares, for protocols other than TCP and UDP, and for networks by which a pod cannot be reached.
 */
export function podForwards(manifest: PodManifest, networking: PodNetworking): PortForward[] {
  // On the host's network an app listens on the host itself.
  const exposed = networking === 'host' ? [] : forwardedPorts(manifest);
  if (exposed.length === 0) return [];
  if (networking !== 'default') {
    throw portError(
      `port "${exposed[0]?.name}" cannot be forwarded: the pod is not on the default network`,
      'only pods on the network "default" are reached from outside',
    );
  }
  const forwards = exposed.flatMap((port) => forwardsOf(port, manifest));
  if (forwards.length > maxForwards) {
    throw portError(`${forwards.length} ports of the host are to be forwarded; a pod can have ${maxForwards}`);
  }
  refuseTwice(forwards);
  return forwards;
}

/** The exposed ports of a pod without those that are socket-activated. */
export function forwardedPorts({ apps, ports }: PodManifest): ExposedPort[] {
  if (ports.length === 0) return [];
  const declared = apps.flatMap(({ app }) => app?.ports ?? []);
  return ports.filter(
    ({ name, podPort }) => !(podPort ?? declared.find((port) => port.name === name))?.socketActivated,
  );
}

function forwardsOf(exposed: ExposedPort, manifest: PodManifest): PortForward[] {
  const { name, hostPort, hostIP } = exposed;
  const { protocol, port, count } = exposed.podPort ?? declaredPort(name, manifest);
  if (hostPort + count - 1 > 65535) {
    throw portError(`port "${name}": the ${count} ports of the host from ${hostPort} on end beyond 65535`);
  }
  const known = protocolOf(name, protocol);
  return Array.from({ length: count }, (_, index) => ({
    protocol: known,
    ...(hostIP === undefined ? {} : { hostIp: hostIP }),
    hostPort: hostPort + index,
    podPort: port + index,
  }));
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
