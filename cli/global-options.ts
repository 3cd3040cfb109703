/** The options that every command takes, before or after its name, and the RKT_* variables that stand in for them. */

import { configuredDir } from '../runtime/base/config.ts';
import { RktError } from '../runtime/base/errors.ts';
import { defaultDataDir } from '../runtime/base/paths.ts';
import { getList, getSwitch, getValue, type Option, type OptionSet, type OptionValues, usageError } from './options.ts';

/** The checks that `--insecure-options` can switch off, one by one. */
const securityChecks = ['http', 'image', 'tls', 'pubkey', 'ondisk', 'capabilities', 'paths', 'seccomp'] as const;
export type SecurityCheck = (typeof securityChecks)[number];

const bundles = new Map<string, readonly SecurityCheck[]>([
  ['none', []],
  ['all-fetch', ['image', 'tls', 'http']],
  ['all-run', ['capabilities', 'paths', 'seccomp']],
  ['all', securityChecks],
]);

export const globalOptions: readonly Option[] = [
  { name: 'debug', type: 'switch', description: 'print more, and the causes of errors, on stderr' },
  {
    name: 'dir',
    type: 'value',
    placeholder: 'DIR',
    description: `data directory of images and pods (default ${defaultDataDir}, or what a paths.d file says)`,
  },
  {
    name: 'insecure-options',
    type: 'list',
    placeholder: 'LIST',
    description: `checks to switch off, separated by commas: none, ${securityChecks.join(', ')}, all-fetch, all-run, all`,
  },
  { name: 'insecure-skip-verify', type: 'switch', description: 'the same as --insecure-options=image' },
  {
    name: 'local-config',
    type: 'value',
    placeholder: 'DIR',
    default: '/etc/rkt',
    description: 'local configuration directory',
  },
  {
    name: 'system-config',
    type: 'value',
    placeholder: 'DIR',
    default: '/usr/lib/rkt',
    description: 'system configuration directory',
  },
  { name: 'user-config', type: 'value', placeholder: 'DIR', description: 'user configuration directory' },
  {
    name: 'trust-keys-from-https',
    type: 'switch',
    description: 'trust keys that were fetched over HTTPS without asking',
  },
  {
    name: 'cpuprofile',
    type: 'value',
    placeholder: 'FILE',
    hidden: true,
    description: 'write a CPU profile of rkt itself to FILE (for Chrome DevTools)',
  },
  { name: 'help', short: 'h', type: 'switch', description: 'show help for the command' },
];

export interface Globals {
  readonly debug: boolean;
  readonly dataDir: string;
  readonly localConfig: string;
  readonly systemConfig: string;
  readonly userConfig: string | undefined;
  readonly trustKeysFromHttps: boolean;
  readonly cpuProfile: string | undefined;
  /** Checks that the user switched off. */
  readonly insecure: ReadonlySet<SecurityCheck>;
}

/** `insecure-options` is RKT_INSECURE_OPTIONS, and so on; what stands on the command line wins. */
export function applyEnvironment(set: OptionSet, env: NodeJS.ProcessEnv): void {
  for (const option of globalOptions) {
    if (option.name === 'help' || set.isSet(option.name)) continue;
    const variable = `RKT_${option.name.toUpperCase().replaceAll('-', '_')}`;
    const value = env[variable];
    if (value === undefined || value === '') continue;
    try {
      set.set(option.name, value);
    } catch (error) {
      throw new RktError(`environment variable ${variable}: ${(error as Error).message}`, { code: 'EUSAGE' });
    }
  }
}

/** Errors: EUSAGE for values that cannot be, ECONFIG for configuration files that cannot. */
export function readGlobals(values: OptionValues): Globals {
  const localConfig = getValue(values, 'local-config') as string;
  const systemConfig = getValue(values, 'system-config') as string;
  const userConfig = getValue(values, 'user-config');
  const configDirs = [systemConfig, localConfig, ...(userConfig === undefined ? [] : [userConfig])];
  const dataDir = getValue(values, 'dir') ?? configuredDir(configDirs, 'data') ?? defaultDataDir;
  if (!dataDir.startsWith('/')) throw usageError(`--dir must be an absolute path, is "${dataDir}"`);
  return {
    debug: getSwitch(values, 'debug'),
    dataDir: dataDir.replace(/(?<=.)\/+$/, ''),
    localConfig,
    systemConfig,
    userConfig,
    trustKeysFromHttps: getSwitch(values, 'trust-keys-from-https'),
    cpuProfile: getValue(values, 'cpuprofile'),
    insecure: insecureChecks(values),
  };
}

function insecureChecks(values: OptionValues): ReadonlySet<SecurityCheck> {
  const off = new Set<SecurityCheck>(getSwitch(values, 'insecure-skip-verify') ? ['image'] : []);
  const names = getList(values, 'insecure-options').flatMap((list) => list.split(','));
  for (const name of names.map((text) => text.trim()).filter((text) => text !== '')) {
    const known = securityChecks.find((check) => check === name);
    const checks = known === undefined ? bundles.get(name) : [known];
    if (checks === undefined) {
      throw usageError(
        `invalid value "${name}" for --insecure-options`,
        `it takes ${['none', ...securityChecks, 'all-fetch', 'all-run', 'all'].join(', ')}`,
      );
    }
    for (const check of checks) off.add(check);
  }
  return off;
}
