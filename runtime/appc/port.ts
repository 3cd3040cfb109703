import { type Field, notEmpty, requireUnique } from './field.ts';
import { type ACName, checkACName } from './identifiers.ts';

/** Ports that an app listens on: `count` of them, beginning with `port` (aci.md, ports). */
export interface Port {
  name: ACName;
  protocol: string;
  port: number;
  count: number;
  socketActivated: boolean;
}

/** A port of the pod that is reachable from outside (pods.md, ports). */
export interface ExposedPort {
  name: ACName;
  hostPort: number;
  /** Dotted quad; absent: all addresses. */
  hostIP?: string;
  /** Takes the place of the port of that name in the image manifests. */
  podPort?: Port;
}

/** Dotted quad without leading zeros. */
export function checkIPv4(text: string): string | undefined {
  const octet = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
  return new RegExp(`^${octet}(\\.${octet}){3}$`).test(text)
    ? undefined
    : 'must be an IPv4 address in dotted-quad notation';
}

export function readPort(field: Field): Port {
  const name = field.member('name').required().text(checkACName);
  const protocol = field.member('protocol').required().text(notEmpty);
  const port = field.member('port').required().integer(1, 65535);
  const countField = field.member('count');
  // The reference encoder writes 0 for "not set".
  const count = countField.optional((value) => value.integer(0, 65535)) || 1;
  if (port + count - 1 > 65535)
    countField.fail(`must not let the range from port ${port} end beyond 65535, is ${count}`);
  const socketActivated = field.member('socketActivated').optional((value) => value.boolean()) ?? false;
  return { name, protocol, port, count, socketActivated };
}

export function readPorts(field: Field): Port[] {
  const fields = field.list();
  const ports = fields.map(readPort);
  requireUnique(fields, ports, (port) => port.name);
  return ports;
}

export function readExposedPorts(field: Field): ExposedPort[] {
  const fields = field.list();
  const ports = fields.map((item) => {
    const port: ExposedPort = {
      name: item.member('name').required().text(checkACName),
      hostPort: item.member('hostPort').required().integer(1, 65535),
    };
    const hostIP = item.member('hostIP').optional((value) => value.text());
    // The reference encoder writes an empty string for "all".
    if (hostIP) port.hostIP = item.member('hostIP').text(checkIPv4);
    const podPort = item.member('podPort').optional(readPort);
    if (podPort !== undefined) port.podPort = podPort;
    return port;
  });
  requireUnique(fields, ports, (port) => port.name);
  return ports;
}
