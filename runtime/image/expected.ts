import { type Label, labelValue } from '../appc/labels.ts';

/** What the manifest must say: the name that was asked for, and these labels with these values (discovery.md, Validation). */
export interface Expected {
  readonly name: string;
  readonly labels: readonly Label[];
}

/** What of an image is not as expected, or undefined. */
export function mismatch(expected: Expected, name: string, labels: readonly Label[]): string | undefined {
  if (name !== expected.name) return `the name in its manifest is "${name}", not "${expected.name}"`;
  for (const label of expected.labels) {
    const value = labelValue(labels, label.name);
    if (value === label.value) continue;
    const is = value === undefined ? 'is missing from its manifest' : `is "${value}" in its manifest`;
    return `the label "${label.name}" ${is}, not "${label.value}"`;
  }
  return undefined;
}
