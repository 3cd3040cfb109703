/** The stage1 that a pod gets where nobody asks for another: `stage1.d` (rkt's configuration documentation). */

import { dirname } from 'node:path';
import { checkACIdentifier } from '../appc/identifiers.ts';
import { readConfig } from '../base/config.ts';
import { RktError } from '../base/errors.ts';

export interface Stage1Defaults {
  /** Looked for in the store. */
  readonly image: { readonly name: string; readonly version: string } | undefined;
  /** Fetched where the store has no such image: an absolute path or a URL. */
  readonly location: string | undefined;
}

const fail = (file: string, reason: string): RktError =>
  new RktError(`configuration file ${file}: ${reason}`, { code: 'ECONFIG' });

/**
 * Later directories override earlier ones: the pair of name and version on the one hand, the location on the other. In one
 * directory each may be in one file only. Errors: ECONFIG.
 */
export function readStage1Defaults(dirs: readonly string[]): Stage1Defaults {
  let image: Stage1Defaults['image'];
  let location: string | undefined;
  const saidBy = new Map<string, string>();
  const claim = (what: string, file: string): void => {
    const key = `${what} ${dirname(file)}`;
    const earlier = saidBy.get(key);
    if (earlier !== undefined) throw fail(file, `the ${what} of the default stage1 is in ${earlier} already`);
    saidBy.set(key, file);
  };
  for (const { file, fields } of readConfig(dirs, 'stage1', 'stage1')) {
    const name = textOf(file, fields, 'name');
    const version = textOf(file, fields, 'version');
    const place = textOf(file, fields, 'location');
    if ((name === undefined) !== (version === undefined)) throw fail(file, 'name and version must stand together');
    if (name !== undefined && version !== undefined) {
      const reason = checkACIdentifier(name);
      if (reason !== undefined) throw fail(file, `name ${reason}`);
      claim('name', file);
      image = { name, version };
    }
    if (place !== undefined) {
      if (!/^(\/|file:|https?:|docker:)/.test(place)) {
        throw fail(file, `location must be an absolute path or a URL of file, http, https or docker, is "${place}"`);
      }
      claim('location', file);
      location = place;
    }
  }
  return { image, location };
}

/** An empty string is none, as rkt has it. */
function textOf(file: string, fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string') throw fail(file, `${name} must be a string, is ${JSON.stringify(value)}`);
  return value;
}
