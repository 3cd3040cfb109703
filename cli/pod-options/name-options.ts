/** How the apps of a pod look up names: `--dns` and its like, `--hosts-entry`. */

import type { HostsEntry, NameSettings, ResolverConfig } from '../../runtime/stage1/name-files.ts';
import { getList, getValue, type Option, type OptionValues, usageError } from '../options.ts';

export const nameOptions: readonly Option[] = [
  {
    name: 'dns',
    type: 'list',
    placeholder: 'IP,...|host|none',
    description: "name servers for /etc/resolv.conf; host: the host's file; none: the image's",
  },
  { name: 'dns-search', type: 'list', placeholder: 'DOMAIN', description: 'a domain to search for short names' },
  { name: 'dns-opt', type: 'list', placeholder: 'OPTION', description: 'an option of resolv.conf(5)' },
  { name: 'dns-domain', type: 'value', placeholder: 'DOMAIN', description: 'the local domain in /etc/resolv.conf' },
  {
    name: 'hosts-entry',
    type: 'list',
    placeholder: 'IP=NAME,...|host',
    description: "entries to add to /etc/hosts; host: the host's file",
  },
];

/** Errors: EUSAGE. */
export function nameSettingsOf(values: OptionValues): NameSettings {
  const resolver = resolverOf(values);
  const hosts = hostsOf(getList(values, 'hosts-entry'));
  return { ...(resolver === undefined ? {} : { resolver }), ...(hosts === undefined ? {} : { hosts }) };
}

function resolverOf(values: OptionValues): NameSettings['resolver'] {
  const servers = getList(values, 'dns');
  const whole = servers.find((text) => text === 'host' || text === 'none');
  const domain = getValue(values, 'dns-domain');
  const config: ResolverConfig = {
    nameservers: whole === undefined ? servers.flatMap((list) => list.split(',')) : [],
    search: getList(values, 'dns-search'),
    options: getList(values, 'dns-opt'),
    domain,
  };
  const other = ['dns-search', 'dns-opt', 'dns-domain'].find((name) => values.get(name) !== undefined);
  if (whole !== undefined) {
    if (servers.length > 1) throw usageError(`--dns=${whole} cannot stand beside another --dns`);
    if (other !== undefined) throw usageError(`--dns=${whole} and --${other} cannot stand together`);
    return whole as 'host' | 'none';
  }
  if (servers.length === 0 && other === undefined) return undefined;
  for (const server of config.nameservers) requireAddress('--dns', server, server);
  for (const text of config.search) requireWord('--dns-search', text);
  for (const text of config.options) requireWord('--dns-opt', text);
  if (domain !== undefined) requireWord('--dns-domain', domain);
  return config;
}

function hostsOf(entries: readonly string[]): NameSettings['hosts'] {
  if (entries.length === 0) return undefined;
  if (!entries.includes('host'))
    return entries.flatMap((text) => text.split(',').map((entry) => hostsEntry(text, entry)));
  if (entries.length > 1) throw usageError('--hosts-entry=host cannot stand beside another --hosts-entry');
  return 'host';
}

function hostsEntry(text: string, entry: string): HostsEntry {
  const equals = entry.indexOf('=');
  if (equals < 0) throw usageError(`--hosts-entry "${text}": "${entry}" has no "=NAME"`, 'write IP=NAME');
  const ip = entry.slice(0, equals);
  const name = entry.slice(equals + 1);
  requireAddress('--hosts-entry', text, ip);
  requireWord('--hosts-entry', name);
  return { ip, name };
}

function requireAddress(option: string, text: string, address: string): void {
  // Looked up when it is needed: a plain start has no use for the module.
  if (process.getBuiltinModule('node:net').isIP(address) !== 0) return;
  const what = text === address ? '' : `: "${address}"`;
  throw usageError(`${option} "${text}"${what} is not an IP address`);
}

/** What stands in these files must not begin another word, line or comment. */
function requireWord(option: string, text: string): void {
  if (/^[!-~]+$/.test(text) && !/[#;]/.test(text)) return;
  throw usageError(`${option} ${JSON.stringify(text)}: must be one word of letters, digits and signs`);
}
