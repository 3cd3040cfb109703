/** Whom an app, or a command in it, runs as. */

import { maxId } from '../../runtime/appc/field.ts';
import type { WantedIdentity } from '../../runtime/pod/enter-identity.ts';
import { getList, getValue, type Option, type OptionValues, usageError } from '../options.ts';

export const identityOptions: readonly Option[] = [
  { name: 'user', type: 'value', placeholder: 'USER', description: 'run as this user: a name, an id or a path' },
  { name: 'group', type: 'value', placeholder: 'GROUP', description: 'run as this group: a name, an id or a path' },
  {
    name: 'supplementary-gids',
    type: 'list',
    placeholder: 'GID,...',
    description: "further group ids, instead of the image's",
  },
];

/** What was given; names are looked up by whoever knows the app. Errors: EUSAGE. */
export function identityOf(values: OptionValues): WantedIdentity {
  const user = getValue(values, 'user');
  const group = getValue(values, 'group');
  const gids = getList(values, 'supplementary-gids');
  return {
    ...(user === undefined ? {} : { user }),
    ...(group === undefined ? {} : { group }),
    ...(gids.length === 0 ? {} : { supplementaryGids: gids.flatMap((list) => list.split(',')).map(groupId) }),
  };
}

function groupId(text: string): number {
  const id = Number(text);
  if (/^[0-9]+$/.test(text) && id <= maxId) return id;
  throw usageError(
    `--supplementary-gids: ${JSON.stringify(text)} is not a number from 0 to ${maxId}`,
    'write numbers separated by commas',
  );
}
