/** The values of `--volume` and `--mount` (rkt's Documentation/subcommands/run.md, "Mount Volumes into a Pod"). */

import { RktError } from '../base/errors.ts';
import { absolutePath, maxId, shown } from './field.ts';
import { type ACName, checkACName } from './identifiers.ts';
import { checkMode, type EmptyVolume, emptyVolumeDefaults, type HostVolume, type Volume } from './volume.ts';

/** Where the user wants a volume: `--mount volume=NAME,target=PATH`. */
export interface MountOption {
  volume: ACName;
  target: string;
}

const volumeHint =
  'write NAME,kind=host,source=PATH[,readOnly=BOOL][,recursive=BOOL] or NAME,kind=empty[,mode=MODE][,uid=UID][,gid=GID]';
const mountHint = 'write volume=NAME,target=PATH';

/** The comma-separated `name=value` parts of one option, and errors about them. */
class Option {
  readonly option: string;
  readonly text: string;
  readonly hint: string;
  readonly values = new Map<string, string>();

  constructor(option: string, text: string, hint: string) {
    this.option = option;
    this.text = text;
    this.hint = hint;
  }

  fail(reason: string): never {
    throw new RktError(`${this.option} ${shown(this.text)}: ${reason}`, { code: 'EARGUMENT', hint: this.hint });
  }

  add(parts: readonly string[], known: readonly string[]): void {
    for (const part of parts) {
      const equals = part.indexOf('=');
      if (equals < 0) this.fail(`${shown(part)} has no "=value"`);
      const name = part.slice(0, equals);
      if (!known.includes(name)) this.fail(`${shown(name)} is not a parameter; there are ${known.join(', ')}`);
      if (this.values.has(name)) this.fail(`${shown(name)} is given twice`);
      this.values.set(name, part.slice(equals + 1));
    }
  }

  required(name: string): string {
    return this.values.get(name) ?? this.fail(`${shown(name)} is missing`);
  }

  check(name: string, value: string, rule: (text: string) => string | undefined): string {
    const reason = value.includes('\0') ? 'must not contain NUL' : rule(value);
    if (reason !== undefined) this.fail(`${shown(name)} ${reason}, is ${shown(value)}`);
    return value;
  }

  /** The spellings that Go's strconv.ParseBool takes. */
  boolean(name: string): boolean | undefined {
    const value = this.values.get(name);
    if (value === undefined) return undefined;
    if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
    if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
    return this.fail(`${shown(name)} must be true or false, is ${shown(value)}`);
  }

  id(name: string): number | undefined {
    const value = this.values.get(name);
    if (value === undefined) return undefined;
    const id = Number(value);
    if (!/^[0-9]+$/.test(value) || id > maxId)
      this.fail(`${shown(name)} must be a number from 0 to ${maxId}, is ${shown(value)}`);
    return id;
  }

  refuse(names: readonly string[], kind: string): void {
    const name = names.find((candidate) => this.values.has(candidate));
    if (name !== undefined) this.fail(`${shown(name)} cannot be set for a volume of kind "${kind}"`);
  }
}

function hostVolume(option: Option, name: ACName): HostVolume {
  option.refuse(['mode', 'uid', 'gid'], 'host');
  const volume: HostVolume = {
    name,
    kind: 'host',
    source: option.check('source', option.required('source'), absolutePath),
  };
  const readOnly = option.boolean('readOnly');
  if (readOnly !== undefined) volume.readOnly = readOnly;
  const recursive = option.boolean('recursive');
  if (recursive !== undefined) volume.recursive = recursive;
  return volume;
}

function emptyVolume(option: Option, name: ACName): EmptyVolume {
  option.refuse(['source', 'recursive'], 'empty');
  const volume: EmptyVolume = {
    name,
    kind: 'empty',
    mode: option.check('mode', option.values.get('mode') ?? emptyVolumeDefaults.mode, checkMode),
    uid: option.id('uid') ?? emptyVolumeDefaults.uid,
    gid: option.id('gid') ?? emptyVolumeDefaults.gid,
  };
  const readOnly = option.boolean('readOnly');
  if (readOnly !== undefined) volume.readOnly = readOnly;
  return volume;
}

/** Parses the value of `--volume`. Throws EARGUMENT. A path cannot contain a comma, as in rkt. */
export function parseVolumeOption(text: string): Volume {
  const option = new Option('--volume', text, volumeHint);
  const [name = '', ...parts] = text.split(',');
  option.check('NAME', name, checkACName);
  option.add(parts, ['kind', 'source', 'readOnly', 'recursive', 'mode', 'uid', 'gid']);
  const kind = option.required('kind');
  if (kind === 'host') return hostVolume(option, name);
  if (kind === 'empty') return emptyVolume(option, name);
  return option.fail(`"kind" must be host or empty, is ${shown(kind)}`);
}

/** The option that {@link parseVolumeOption} would read as `volume`; defaults are left out. */
export function formatVolumeOption(volume: Volume): string {
  const parts = [volume.name, `kind=${volume.kind}`];
  if (volume.kind === 'host') parts.push(`source=${volume.source}`);
  if (volume.readOnly !== undefined) parts.push(`readOnly=${volume.readOnly}`);
  if (volume.kind === 'host') {
    if (volume.recursive !== undefined) parts.push(`recursive=${volume.recursive}`);
  } else {
    if (volume.mode !== emptyVolumeDefaults.mode) parts.push(`mode=${volume.mode}`);
    if (volume.uid !== emptyVolumeDefaults.uid) parts.push(`uid=${volume.uid}`);
    if (volume.gid !== emptyVolumeDefaults.gid) parts.push(`gid=${volume.gid}`);
  }
  return parts.join(',');
}

/** Parses the value of `--mount`. Throws EARGUMENT. */
export function parseMountOption(text: string): MountOption {
  const option = new Option('--mount', text, mountHint);
  option.add(text.split(','), ['volume', 'target']);
  return {
    volume: option.check('volume', option.required('volume'), checkACName),
    target: option.check('target', option.required('target'), absolutePath),
  };
}
