import { type Field, requireUnique, shown } from './field.ts';
import { type ACIdentifier, checkACIdentifier } from './identifiers.ts';

export interface Label {
  name: ACIdentifier;
  value: string;
}

/** The combinations of the specification's `types.ValidOSArch`. */
export const validOsArch: Readonly<Record<string, readonly string[]>> = {
  linux: ['amd64', 'i386', 'aarch64', 'aarch64_be', 'armv6l', 'armv7l', 'armv7b', 'ppc64', 'ppc64le', 's390x'],
  freebsd: ['amd64', 'i386', 'arm'],
  darwin: ['x86_64', 'i386'],
};

/** The App Container name of a CPU that node calls `arch` (process.arch), or undefined where the specification has none. */
export function acArch(arch: string): string | undefined {
  const names: Record<string, string> = {
    x64: 'amd64',
    ia32: 'i386',
    arm64: 'aarch64',
    arm: 'armv7l',
    ppc64: 'ppc64le',
    s390x: 's390x',
  };
  return names[arch];
}

export function labelValue(labels: readonly Label[], name: ACIdentifier): string | undefined {
  return labels.find((label) => label.name === name)?.value;
}

/** An arch is checked only beside an os: without one it has no meaning (aci.md, labels). */
export function checkOsArch(labels: readonly Label[]): { name: string; reason: string } | undefined {
  const os = labelValue(labels, 'os');
  if (os === undefined) return undefined;
  const archs = Object.hasOwn(validOsArch, os) ? validOsArch[os] : undefined;
  if (archs === undefined) {
    return { name: 'os', reason: `must be one of ${Object.keys(validOsArch).join(', ')}, is ${shown(os)}` };
  }
  const arch = labelValue(labels, 'arch');
  if (arch === undefined || archs.includes(arch)) return undefined;
  return { name: 'arch', reason: `must be one of ${archs.join(', ')} for os "${os}", is ${shown(arch)}` };
}

/** A label's name may be any AC Identifier but "name", which would be confused with the image's name. */
export function checkLabelName(text: string): string | undefined {
  return text === 'name' ? 'a label must not have the name "name"' : checkACIdentifier(text);
}

export function readLabels(field: Field): Label[] {
  const fields = field.list();
  const labels = fields.map((label) => ({
    name: label.member('name').required().text(checkLabelName),
    value: label.member('value').required().text(),
  }));
  requireUnique(fields, labels, (label) => label.name);
  const wrong = checkOsArch(labels);
  if (wrong !== undefined) {
    const index = labels.findIndex((label) => label.name === wrong.name);
    fields[index]?.member('value').fail(wrong.reason);
  }
  return labels;
}
