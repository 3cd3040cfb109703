import { RktError } from '../base/errors.ts';
import { shown } from './field.ts';

/** types.md, AC Identifier Type: names of images, labels, annotations and isolators. */
export type ACIdentifier = string;
/** types.md, AC Name Type: names of apps, volumes, mount points and ports. */
export type ACName = string;

// The specification also gives patterns in which separators stand alone, but its own examples (example.com/~user/app_v1) and
// its reference implementation allow several in a row; the text only wants letters or digits at both ends.
const identifierPattern = /^[a-z0-9](?:[a-z0-9._~/-]*[a-z0-9])?$/;
const namePattern = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** The reason why `text` is no AC Identifier, or undefined. */
export function checkACIdentifier(text: string): string | undefined {
  if (text === '') return 'must not be empty';
  if (identifierPattern.test(text)) return undefined;
  return 'must consist of lower-case letters, digits and "-._~/", with a letter or digit at both ends';
}

/** The reason why `text` is no AC Name, or undefined. */
export function checkACName(text: string): string | undefined {
  if (text === '') return 'must not be empty';
  if (namePattern.test(text)) return undefined;
  return 'must consist of lower-case letters, digits and "-", with a letter or digit at both ends';
}

/**
 * The AC Name nearest to `text`: lower-cased, everything else than letters and digits a single "-", none at the edges.
 * Throws EARGUMENT where nothing is left.
 */
export function sanitizeACName(text: string): ACName {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  if (name === '') {
    throw new RktError(`cannot make an app name of ${shown(text)}: it has no letter and no digit`, {
      code: 'EARGUMENT',
      hint: 'give the app a name with --name',
    });
  }
  return name;
}

/** The name that an app has unless the user gives it one: the last component of its image's name, as an AC Name. */
export function appNameOfImage(imageName: ACIdentifier): ACName {
  return sanitizeACName(imageName.slice(imageName.lastIndexOf('/') + 1));
}
