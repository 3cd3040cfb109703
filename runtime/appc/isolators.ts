/**
 * Isolators (types.md, Isolator Type; ace.md, Isolators). A manifest keeps them as they were written, name and JSON value;
 * {@link interpretIsolator} gives the typed meaning of those that the specification or rkt defines.
 */

import { Field, notEmpty, shown, type TextRule } from './field.ts';
import { type ACIdentifier, checkACIdentifier } from './identifiers.ts';
import { type MilliUnits, parseQuantity } from './quantity.ts';

export interface Isolator {
  name: ACIdentifier;
  /** The JSON value as it stands in the manifest. */
  value: unknown;
}

export type ResourceName = 'block-bandwidth' | 'block-iops' | 'cpu' | 'memory' | 'network-bandwidth';

/** What an isolator asks for. */
export type KnownIsolator =
  | { kind: 'capabilities'; mode: 'retain' | 'remove'; set: string[] }
  | { kind: 'seccomp'; mode: 'retain' | 'remove'; set: string[]; errno: string | undefined }
  | { kind: 'no-new-privileges'; enabled: boolean }
  | { kind: 'selinux'; user: string; role: string; type: string; level: string }
  | { kind: 'apparmor'; profile: string }
  | { kind: 'oom-score-adj'; score: number }
  | { kind: 'cpu-shares'; shares: number }
  | { kind: 'pids-limit'; limit: number | undefined }
  | { kind: 'sysctl'; values: Record<string, string> }
  | { kind: 'resource'; resource: ResourceName; request: MilliUnits | undefined; limit: MilliUnits | undefined };

const names = {
  capabilitiesRetain: 'os/linux/capabilities-retain-set',
  capabilitiesRemove: 'os/linux/capabilities-remove-set',
  seccompRetain: 'os/linux/seccomp-retain-set',
  seccompRemove: 'os/linux/seccomp-remove-set',
  noNewPrivileges: 'os/linux/no-new-privileges',
  selinux: 'os/linux/selinux-context',
  apparmor: 'os/linux/apparmor-profile',
  oomScoreAdj: 'os/linux/oom-score-adj',
  cpuShares: 'os/linux/cpu-shares',
  /** rkt's own; the specification has none for it. */
  pidsLimit: 'os/linux/pids-limit',
  sysctl: 'os/unix/sysctl',
} as const;
export const isolatorNames = names;

const checkErrno: TextRule = (text) =>
  text === '' || /^E[A-Z0-9]+$/.test(text) ? undefined : 'must be the name of an errno such as "EPERM"';

const withoutColon: TextRule = (text) => notEmpty(text) ?? (text.includes(':') ? 'must not contain ":"' : undefined);

function readSet(field: Field): string[] {
  const set = field.member('set');
  const values = set.required().list();
  if (values.length === 0) set.fail('must not be empty');
  return values.map((value) => value.text(notEmpty));
}

const capabilities =
  (mode: 'retain' | 'remove') =>
  (field: Field): KnownIsolator => ({
    kind: 'capabilities',
    mode,
    set: readSet(field),
  });

const seccomp =
  (mode: 'retain' | 'remove') =>
  (field: Field): KnownIsolator => {
    const errno = field.member('errno').optional((value) => value.text(checkErrno));
    return { kind: 'seccomp', mode, set: readSet(field), errno: errno === '' ? undefined : errno };
  };

function selinux(field: Field): KnownIsolator {
  const part = (name: string, rule: TextRule) => field.member(name).required().text(rule);
  return {
    kind: 'selinux',
    user: part('user', withoutColon),
    role: part('role', withoutColon),
    type: part('type', withoutColon),
    level: part('level', notEmpty),
  };
}

/** Amounts are strings; a bare number is accepted because other encoders write it. */
function readQuantity(field: Field): MilliUnits {
  const text = typeof field.value === 'number' ? String(field.value) : field.text();
  const amount = parseQuantity(text);
  if (typeof amount !== 'bigint') field.fail(`${amount.reason}, is ${shown(field.value)}`);
  return amount;
}

/** The most processes and threads the kernel counts to (PID_MAX_LIMIT). */
const maxPids = 4_194_304;

function pidsLimit(field: Field): KnownIsolator {
  return { kind: 'pids-limit', limit: field.value === 'unlimited' ? undefined : field.integer(1, maxPids) };
}

/** Block and network limits have no request and must say `"default": true`; cpu and memory must not (ace.md). */
const resource =
  (name: ResourceName) =>
  (field: Field): KnownIsolator => {
    const perDevice = name !== 'cpu' && name !== 'memory';
    const fallback = field.member('default');
    if ((fallback.optional((value) => value.boolean()) ?? false) !== perDevice) {
      fallback.fail(perDevice ? 'must be true' : 'must not be true');
    }
    const request = field.member('request');
    if (perDevice && !request.absent) request.fail('is not possible for this resource');
    return {
      kind: 'resource',
      resource: name,
      request: request.optional(readQuantity),
      limit: field.member('limit').optional(readQuantity),
    };
  };

const readers: ReadonlyMap<string, (field: Field) => KnownIsolator> = new Map<string, (field: Field) => KnownIsolator>([
  [names.capabilitiesRetain, capabilities('retain')],
  [names.capabilitiesRemove, capabilities('remove')],
  [names.seccompRetain, seccomp('retain')],
  [names.seccompRemove, seccomp('remove')],
  [names.noNewPrivileges, (field) => ({ kind: 'no-new-privileges', enabled: field.boolean() })],
  [names.selinux, selinux],
  [names.apparmor, (field) => ({ kind: 'apparmor', profile: field.member('profile').required().text(notEmpty) })],
  [names.oomScoreAdj, (field) => ({ kind: 'oom-score-adj', score: field.integer(-1000, 1000) })],
  [names.cpuShares, (field) => ({ kind: 'cpu-shares', shares: field.integer(2, 262144) })],
  [names.pidsLimit, pidsLimit],
  [names.sysctl, (field) => ({ kind: 'sysctl', values: field.textMap() })],
  ['resource/block-bandwidth', resource('block-bandwidth')],
  ['resource/block-iops', resource('block-iops')],
  ['resource/cpu', resource('cpu')],
  ['resource/memory', resource('memory')],
  ['resource/network-bandwidth', resource('network-bandwidth')],
]);

/** Those that may stand more than once: the last one counts. All other known ones stand at most once. */
const repeatable = (name: string): boolean =>
  name.startsWith('resource/') || name.startsWith('os/linux/capabilities-') || name === names.noNewPrivileges;

/** Pairs that cannot stand together (ace.md). */
const conflicts: ReadonlyMap<string, string> = new Map([
  [names.capabilitiesRetain, names.capabilitiesRemove],
  [names.capabilitiesRemove, names.capabilitiesRetain],
  [names.seccompRetain, names.seccompRemove],
  [names.seccompRemove, names.seccompRetain],
]);

/** The typed meaning of an isolator; undefined where rkt does not know it. Throws EMANIFEST where its value is wrong. */
export function interpretIsolator(isolator: Isolator): KnownIsolator | undefined {
  return readers.get(isolator.name)?.(new Field('isolator', isolator.name, isolator.value));
}

/** Isolators that speak about the same thing: one of them given later stands for all of them. */
const rivals = (name: string): readonly string[] => {
  const other = conflicts.get(name);
  return other === undefined ? [name] : [name, other];
};

/** `isolators` with `overrides` in the place of those that speak about the same things. */
export function overrideIsolators(isolators: readonly Isolator[], overrides: readonly Isolator[]): Isolator[] {
  const gone = new Set(overrides.flatMap(({ name }) => rivals(name)));
  return [...isolators.filter(({ name }) => !gone.has(name)), ...overrides];
}

/** Reads a list of isolators; those that rkt knows are checked, the others are kept as they are. */
export function readIsolators(field: Field): Isolator[] {
  const seen = new Set<string>();
  return field.list().map((item) => {
    const name = item.member('name').required().text(checkACIdentifier);
    const value = item.member('value');
    if (value.value === undefined) value.fail('is required');
    readers.get(name)?.(value);
    if (seen.has(name) && readers.has(name) && !repeatable(name)) item.fail(`${shown(name)} must stand only once`);
    const other = conflicts.get(name);
    if (other !== undefined && seen.has(other))
      item.fail(`${shown(name)} cannot be used together with ${shown(other)}`);
    seen.add(name);
    return { name, value: value.value };
  });
}
