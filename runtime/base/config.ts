/**
 * Configuration files: JSON objects of a kind and version, in a directory per kind, below the system, local and user
 * configuration directories, in that order; later ones override (rkt's configuration documentation).
 */

import { readdirSync, readFileSync } from 'node:fs';
import { errnoOf, messageOf, RktError } from './errors.ts';

export interface ConfigFile {
  readonly file: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** All files of one kind, least specific first. Errors: ECONFIG naming file and reason. */
export function readConfig(dirs: readonly string[], kind: string, rktKind: string): ConfigFile[] {
  return dirs.flatMap((dir) => filesOf(`${dir}/${kind}.d`)).map((file) => readOne(file, rktKind));
}

function filesOf(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => `${dir}/${name}`);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw new RktError(`reading configuration: ${messageOf(error)}`, { code: 'ECONFIG', cause: error });
  }
}

function readOne(file: string, rktKind: string): ConfigFile {
  let fields: unknown;
  try {
    fields = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new RktError(`configuration file ${file}: ${messageOf(cause)}`, { code: 'ECONFIG', cause });
  }
  const { rktKind: kind, rktVersion } = (fields ?? {}) as { rktKind?: unknown; rktVersion?: unknown };
  if (kind !== rktKind) {
    throw new RktError(`configuration file ${file}: rktKind must be "${rktKind}", is ${JSON.stringify(kind)}`, {
      code: 'ECONFIG',
    });
  }
  if (rktVersion !== 'v1') {
    throw new RktError(`configuration file ${file}: rktVersion must be "v1", is ${JSON.stringify(rktVersion)}`, {
      code: 'ECONFIG',
    });
  }
  return { file, fields: fields as Record<string, unknown> };
}

/**
 * The directory that the `paths` files name (`{"rktKind": "paths", "rktVersion": "v1", "data": …}`), if any does: that of images
 * and pods, or that of stage1 images.
 */
export function configuredDir(dirs: readonly string[], field: 'data' | 'stage1-images'): string | undefined {
  let dir: string | undefined;
  for (const { file, fields } of readConfig(dirs, 'paths', 'paths')) {
    const value = fields[field];
    if (value === undefined) continue;
    if (typeof value !== 'string' || !value.startsWith('/')) {
      throw new RktError(`configuration file ${file}: ${field} must be an absolute path, is ${JSON.stringify(value)}`, {
        code: 'ECONFIG',
      });
    }
    dir = value;
  }
  return dir;
}
