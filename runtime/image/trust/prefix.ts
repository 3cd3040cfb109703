/** Prefixes of image names: the unit in which trust is given. */

import { checkACIdentifier } from '../../appc/identifiers.ts';
import { keyError } from './errors.ts';
import { quoted } from './text.ts';

const isPlain = (component: string): boolean => component !== '' && component !== '.' && component !== '..';

/**
 * Fails with EKEY unless `prefix` can be trusted: an AC Identifier (types.md) without a URL scheme and without components
 * that a path would not keep, since it becomes one below `prefix.d`.
 */
export function checkPrefix(prefix: string): void {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(prefix)?.[1];
  if (scheme !== undefined) throw keyError(`--prefix must not contain a URL scheme, omit ${scheme}://`);
  const reason = checkACIdentifier(prefix);
  if (reason !== undefined) throw keyError(`prefix ${quoted(prefix)}: it ${reason}`);
  if (!prefix.split('/').every(isPlain)) {
    throw keyError(`prefix ${quoted(prefix)}: its components must not be empty, "." or ".."`);
  }
}

/**
 * The prefixes of an image name, shortest first, itself included: `example.com`, `example.com/app`. Whole components count:
 * `example.com/ap` is no prefix of `example.com/app` (rkt 1.x compared strings there). A component that a path would
 * not keep ends the walk.
 */
export function prefixesOf(name: string): string[] {
  const components = name.split('/');
  const odd = components.findIndex((component) => !isPlain(component));
  const usable = odd === -1 ? components : components.slice(0, odd);
  return usable.map((_, index) => usable.slice(0, index + 1).join('/'));
}
