import { type App, checkEnvironmentName, type EnvironmentVariable } from '../../appc/app.ts';
import { manifestError, shown } from '../../appc/field.ts';
import { sanitizeACName } from '../../appc/identifiers.ts';
import type { MountPoint } from '../../appc/mount-point.ts';
import type { Port } from '../../appc/port.ts';
import { normalizedPath } from '../../base/normalized-path.ts';
import type { ProcessConfig } from './image-config.ts';

/** A result, and sentences about what is not in it. */
export interface Conversion<T> {
  readonly value: T;
  readonly dropped: readonly string[];
}

function convertEnvironment(env: readonly string[]): Conversion<EnvironmentVariable[]> {
  const variables = new Map<string, string>();
  const dropped: string[] = [];
  for (const text of env) {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    const reason = checkEnvironmentName(name);
    if (reason !== undefined) dropped.push(`the environment variable ${shown(name)} is left out: its name ${reason}`);
    else if (equals >= 0) variables.set(name, text.slice(equals + 1));
  }
  return { value: [...variables].map(([name, value]) => ({ name, value })), dropped };
}

/**
 * `user[:group]`. Without a group it is named like the user, as docker2aci had it. Which groups the user has in the image's
 * /etc/passwd and /etc/group is looked up when an app is prepared (lookup.ts, lookupDockerUser).
 */
function convertUser(text: string): { user: string; group: string } {
  const [user = '', group = ''] = text.split(':', 2);
  if (user === '') return { user: '0', group: group === '' ? '0' : group };
  return { user, group: group === '' ? user : group };
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);

/** Mount points are named after their paths: `/var/lib/db` is `volume-var-lib-db`. */
function convertVolumes(volumes: readonly string[]): MountPoint[] {
  const taken = new Set<string>();
  const points = [...new Set(volumes.map(normalizedPath))].toSorted().map((path) => {
    const base = sanitizeACName(`volume${path}`);
    let name = base;
    for (let count = 1; taken.has(name); count++) name = `${base}-${count}`;
    taken.add(name);
    return { name, path };
  });
  return points.toSorted(byName);
}

/** `80`, `80/tcp`, `8000-8010/udp`. */
function convertPort(text: string): Port {
  const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/([a-z]+))?$/i.exec(text);
  const port = Number(match?.[1]);
  const count = Number(match?.[2] ?? port) - port + 1;
  if (match === null || port < 1 || count < 1 || port + count - 1 > 65535) {
    throw manifestError(
      'image configuration',
      'config.ExposedPorts',
      `must be ports such as "80/tcp", has ${shown(text)}`,
    );
  }
  const protocol = (match[3] ?? 'tcp').toLowerCase();
  return { name: sanitizeACName(text), protocol, port, count, socketActivated: false };
}

function convertPorts(texts: readonly string[]): Port[] {
  const byNames = new Map(texts.map(convertPort).map((port) => [port.name, port]));
  return [...byNames.values()].toSorted(byName);
}

/** The app that a container of the image would be. */
export function convertApp(process: ProcessConfig): Conversion<App> {
  const environment = convertEnvironment(process.env);
  const app: App = {
    exec: [...process.entrypoint, ...process.cmd],
    ...convertUser(process.user),
    supplementaryGIDs: [],
    eventHandlers: [],
    environment: environment.value,
    isolators: [],
    mountPoints: convertVolumes(process.volumes),
    ports: convertPorts(process.exposedPorts),
    userAnnotations: {},
    userLabels: { ...process.labels },
    ...(process.workingDir === '' ? {} : { workingDirectory: normalizedPath(process.workingDir) }),
  };
  return { value: app, dropped: environment.dropped };
}
