import { absolutePath, type Field, maxId, present, requireUnique, shown } from './field.ts';
import { type ACName, checkACName } from './identifiers.ts';

/** A file or directory of the host (pods.md, volumes). */
export interface HostVolume {
  name: ACName;
  kind: 'host';
  source: string;
  readOnly?: boolean;
  /** Whether mounts below the source come along; absent: yes. */
  recursive?: boolean;
}

/** A directory that lives as long as the pod. */
export interface EmptyVolume {
  name: ACName;
  kind: 'empty';
  readOnly?: boolean;
  /** Octal digits. */
  mode: string;
  uid: number;
  gid: number;
}

export type Volume = HostVolume | EmptyVolume;

export const emptyVolumeDefaults = { mode: '0755', uid: 0, gid: 0 } as const;

/** The reason why `text` is no file mode in octal digits, or undefined. */
export function checkMode(text: string): string | undefined {
  return /^0*[0-7]{1,4}$/.test(text) ? undefined : 'must be a file mode in octal digits such as "0755"';
}

const hostOnly = ['source', 'recursive'] as const;
const emptyOnly = ['mode', 'uid', 'gid'] as const;

function refuse(field: Field, names: readonly string[], kind: string): void {
  for (const name of names) {
    const member = field.member(name);
    if (!member.absent) member.fail(`cannot be set for a volume of kind "${kind}"`);
  }
}

function readHostVolume(field: Field, name: ACName): HostVolume {
  refuse(field, emptyOnly, 'host');
  return present<HostVolume>({
    name,
    kind: 'host',
    source: field.member('source').required().text(absolutePath),
    readOnly: field.member('readOnly').optional((value) => value.boolean()),
    recursive: field.member('recursive').optional((value) => value.boolean()),
  });
}

function readEmptyVolume(field: Field, name: ACName): EmptyVolume {
  refuse(field, hostOnly, 'empty');
  return present<EmptyVolume>({
    name,
    kind: 'empty',
    readOnly: field.member('readOnly').optional((value) => value.boolean()),
    mode: field.member('mode').optional((value) => value.text(checkMode)) ?? emptyVolumeDefaults.mode,
    uid: field.member('uid').optional((value) => value.integer(0, maxId)) ?? emptyVolumeDefaults.uid,
    gid: field.member('gid').optional((value) => value.integer(0, maxId)) ?? emptyVolumeDefaults.gid,
  });
}

export function readVolume(field: Field): Volume {
  const name = field.member('name').required().text(checkACName);
  const kind = field.member('kind').required();
  if (kind.value === 'host') return readHostVolume(field, name);
  if (kind.value === 'empty') return readEmptyVolume(field, name);
  return kind.fail(`must be "host" or "empty", is ${shown(kind.value)}`);
}

export function readVolumes(field: Field): Volume[] {
  const fields = field.list();
  const volumes = fields.map(readVolume);
  requireUnique(fields, volumes, (volume) => volume.name);
  return volumes;
}
