import type { ImageReference } from '../../appc/image-reference.ts';
import { labelValue } from '../../appc/labels.ts';

/**
 * Fills `{name}`, `{version}`, `{os}`, `{arch}` and `{ext}` in (discovery.md, Discovery Templates). Values are percent-encoded
 * but for what a path consists of, so that a label can neither add a query nor lead to another host. Undefined where the
 * template asks for a label that the reference does not have, or has a variable that nobody knows.
 */
export function fillTemplate(template: string, { name, labels }: ImageReference, ext: string): string | undefined {
  let complete = true;
  const text = template.replace(/\{([^{}]*)\}/g, (all, variable: string) => {
    const value = variable === 'name' ? name : variable === 'ext' ? ext : known(variable, labels);
    if (value === undefined) complete = false;
    return value === undefined ? all : encode(value);
  });
  return complete ? text : undefined;
}

function known(variable: string, labels: ImageReference['labels']): string | undefined {
  return ['version', 'os', 'arch'].includes(variable) ? labelValue(labels, variable) : undefined;
}

/** "/" stays, as in names; "." and ".." would not be kept as they are by URL parsers. */
function encode(value: string): string {
  return encodeURIComponent(value).replaceAll('%2F', '/').replaceAll('%2B', '+').replaceAll('%3A', ':');
}
