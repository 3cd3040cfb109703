import { absolutePath, type Field, maxId, notEmpty, requireUnique, shown } from './field.ts';
import { type Isolator, readIsolators } from './isolators.ts';
import { type MountPoint, readMountPoints } from './mount-point.ts';
import { type Port, readPorts } from './port.ts';

export interface EnvironmentVariable {
  name: string;
  value: string;
}

export type EventName = 'pre-start' | 'post-stop';

export interface EventHandler {
  name: EventName;
  exec: string[];
}

/** How a process is run from an image (aci.md, app). Lists that a manifest leaves out are empty. */
export interface App {
  exec: string[];
  user: string;
  group: string;
  supplementaryGIDs: number[];
  eventHandlers: EventHandler[];
  /** Absolute; absent: `/`. */
  workingDirectory?: string;
  environment: EnvironmentVariable[];
  isolators: Isolator[];
  mountPoints: MountPoint[];
  ports: Port[];
  userAnnotations: Record<string, string>;
  userLabels: Record<string, string>;
}

/** The reason why `text` cannot be the name of an environment variable, or undefined (aci.md, environment). */
export function checkEnvironmentName(text: string): string | undefined {
  if (text === '') return 'must not be empty';
  if (/^[A-Za-z_][A-Za-z_0-9.-]*$/.test(text)) return undefined;
  return 'must consist of letters, digits, "_", "." and "-", and not begin with a digit, "." or "-"';
}

const readTexts = (field: Field): string[] => field.list().map((item) => item.text());

function readEventHandlers(field: Field): EventHandler[] {
  const fields = field.list();
  const handlers = fields.map((item) => {
    const name = item.member('name').required();
    if (name.value !== 'pre-start' && name.value !== 'post-stop') {
      return name.fail(`must be "pre-start" or "post-stop", is ${shown(name.value)}`);
    }
    return { name: name.value as EventName, exec: readTexts(item.member('exec').required()) };
  });
  requireUnique(fields, handlers, (handler) => handler.name);
  return handlers;
}

function readEnvironment(field: Field): EnvironmentVariable[] {
  const fields = field.list();
  const variables = fields.map((item) => ({
    name: item.member('name').required().text(checkEnvironmentName),
    value: item.member('value').required().text(),
  }));
  requireUnique(fields, variables, (variable) => variable.name);
  return variables;
}

/** The specification's text says `supplementaryGIDs`, its example `supplementaryGids`; both are read. */
function readGids(field: Field): number[] {
  const gids = field.member('supplementaryGIDs');
  const list = gids.absent ? field.member('supplementaryGids') : gids;
  return list.list().map((item) => item.integer(0, maxId));
}

/** A directory; the reference encoder writes an empty string for "not set". */
function readWorkingDirectory(field: Field): string | undefined {
  return field.absent || field.value === '' ? undefined : field.text(absolutePath);
}

export function readApp(field: Field): App {
  const app: App = {
    exec: readTexts(field.member('exec')),
    user: field.member('user').required().text(notEmpty),
    group: field.member('group').required().text(notEmpty),
    supplementaryGIDs: readGids(field),
    eventHandlers: readEventHandlers(field.member('eventHandlers')),
    environment: readEnvironment(field.member('environment')),
    isolators: readIsolators(field.member('isolators')),
    mountPoints: readMountPoints(field.member('mountPoints')),
    ports: readPorts(field.member('ports')),
    userAnnotations: field.member('userAnnotations').optional((value) => value.textMap()) ?? {},
    userLabels: field.member('userLabels').optional((value) => value.textMap()) ?? {},
  };
  const workingDirectory = readWorkingDirectory(field.member('workingDirectory'));
  if (workingDirectory !== undefined) app.workingDirectory = workingDirectory;
  return app;
}
