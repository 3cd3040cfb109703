/**
 * The JSON text of a manifest: what was absent or empty is left out, as the reference encoder does. `required` names the
 * members that stay although they are empty.
 */
export function encodeManifest(manifest: object, required: readonly string[] = []): string {
  return JSON.stringify(prune(manifest, required));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function prune(value: unknown, required: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => prune(item, required));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, member]): [string, unknown] => {
    // What an isolator's value looks like is its own affair: an empty object may be its meaning.
    return [name, name === 'value' ? member : prune(member, required)];
  });
  return Object.fromEntries(
    entries.filter(([name, member]) => name === 'value' || required.includes(name) || !isEmpty(member)),
  );
}
