/**
 * Mirrors of registries, from the configuration: `mirrors.d/*.json` with
 * `{"rktKind": "dockerMirrors", "rktVersion": "v1", "registry": HOST, "mirrors": [HOST, …]}`. A later file for the same registry
 * replaces an earlier one.
 */

import { type ConfigFile, readConfig } from '../../base/config.ts';
import { isRktError, RktError } from '../../base/errors.ts';
import { parseDockerReference } from './reference.ts';

function fail({ file }: ConfigFile, reason: string): never {
  throw new RktError(`configuration file ${file}: ${reason}`, { code: 'ECONFIG' });
}

/** A host as references name it, so `docker.io` is registry-1.docker.io. */
function hostOf(config: ConfigFile, field: string, value: unknown): string {
  if (typeof value !== 'string' || value === '')
    return fail(config, `${field} must be a host, is ${JSON.stringify(value)}`);
  try {
    const { registry, repository } = parseDockerReference(`docker://${value}/x/y`);
    if (repository === 'x/y') return registry;
  } catch (error) {
    if (!isRktError(error)) throw error;
  }
  return fail(config, `${field} must be HOST or HOST:PORT, is ${JSON.stringify(value)}`);
}

/** The mirrors of `registry`, in the order in which they are to be tried. Throws ECONFIG. */
export function mirrorsOf(configDirs: readonly string[], registry: string): string[] {
  let mirrors: string[] = [];
  for (const config of readConfig(configDirs, 'mirrors', 'dockerMirrors')) {
    const host = hostOf(config, 'registry', config.fields.registry);
    const list = config.fields.mirrors;
    if (!Array.isArray(list)) fail(config, `mirrors must be a list, is ${JSON.stringify(list)}`);
    const hosts = list.map((mirror: unknown, index) => hostOf(config, `mirrors[${index}]`, mirror));
    if (host === registry) mirrors = hosts;
  }
  return mirrors;
}
