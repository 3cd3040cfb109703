/** RFC 4122, canonical form: 32 lower-case hex digits in groups of 8-4-4-4-12. */
export type Uuid = string;

/** True for the canonical form. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}

/** The canonical form of a UUID in either case, with or without its four dashes; undefined where `text` is none. */
export function parseUuid(text: string): Uuid | undefined {
  const lower = text.toLowerCase();
  if (isUuid(lower)) return lower;
  const match = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/.exec(lower);
  return match === null ? undefined : match.slice(1).join('-');
}
