import { checkDate } from './date.ts';
import { type Field, requireUnique, type TextRule } from './field.ts';
import { type ACIdentifier, checkACIdentifier } from './identifiers.ts';

export interface Annotation {
  name: ACIdentifier;
  value: string;
}

/** The reason why `text` is no http or https URL, or undefined. */
export function checkHttpUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? undefined : 'must be an http or https URL';
}

/** Annotations whose value has a format (aci.md, annotations). */
const formats: ReadonlyMap<string, TextRule> = new Map([
  ['created', checkDate],
  ['homepage', checkHttpUrl],
  ['documentation', checkHttpUrl],
]);

/** The reason why `value` cannot be that of the annotation `name`, or undefined. */
export const checkAnnotationValue = (name: ACIdentifier, value: string): string | undefined =>
  formats.get(name)?.(value);

export function annotationValue(annotations: readonly Annotation[], name: ACIdentifier): string | undefined {
  return annotations.find((annotation) => annotation.name === name)?.value;
}

export function readAnnotations(field: Field): Annotation[] {
  const fields = field.list();
  const annotations = fields.map((annotation) => {
    const name = annotation.member('name').required().text(checkACIdentifier);
    return { name, value: annotation.member('value').required().text(formats.get(name)) };
  });
  requireUnique(fields, annotations, (annotation) => annotation.name);
  return annotations;
}
