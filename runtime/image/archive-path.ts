/** Names in archives, checked. */

import { ArchiveError } from './errors.ts';
import { maxPathBytes } from './limits.ts';
import { shownPath } from './shown-path.ts';

/**
 * The components of a path in an archive. `./` before a name and a `/` after it say nothing; `..` and a `/` before it would
 * lead out. Byte strings (latin1), so that names need not be UTF-8.
 */
export function components(path: Buffer): string[] {
  if (path.length > maxPathBytes) throw new ArchiveError(`${shownPath(path)} has too long a name`);
  if (path.includes(0)) throw new ArchiveError(`${shownPath(path)} has an impossible name`);
  const text = path.toString('latin1');
  if (text.startsWith('/')) throw new ArchiveError(`${shownPath(path)} is an absolute path`);
  const parts = text.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new ArchiveError(`${shownPath(path)} contains ".."`);
  return parts;
}

/** The bytes of a path from its components. */
export const joined = (parts: readonly string[]): Buffer => Buffer.from(parts.join('/'), 'latin1');
