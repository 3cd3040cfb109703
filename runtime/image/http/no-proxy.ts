/** Which hosts are asked directly although there is a proxy. */

import { BlockList, isIP, isIPv6 } from 'node:net';

/** One entry of NO_PROXY. */
interface Entry {
  readonly matches: (host: string) => boolean;
  /** Undefined: any. */
  readonly port: string | undefined;
}

const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');

function inNetwork(network: string, bits: string): Entry['matches'] {
  const list = new BlockList();
  try {
    list.addSubnet(network, Number(bits), familyOf(network));
  } catch {
    // No network, so nothing is in it.
  }
  return (host) => isIP(host) !== 0 && list.check(host, familyOf(host));
}

/** `example.com` stands for its subdomains too, with or without a dot before it; `*.example.com` for those only. */
function named(name: string): Entry['matches'] {
  if (name === '*') return () => true;
  const domain = name.replace(/^\*?\./, '').replace(/\.$/, '');
  const itself = !name.startsWith('*');
  return (host) => (itself && host === domain) || host.endsWith(`.${domain}`);
}

function readEntry(text: string): Entry {
  const [, network, bits] = /^(.+)\/([0-9]{1,3})$/.exec(text) ?? [];
  if (network !== undefined && bits !== undefined) return { matches: inNetwork(network, bits), port: undefined };
  // Of several colons, none stands before a port, unless the address before it has brackets.
  const [, host = text, port] = /^(\[[^\]]+\]|[^:]+):([0-9]+)$/.exec(text) ?? [];
  return { matches: named(withoutBrackets(host)), port };
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** A proxy would look for these on its own machine. */
const isLoopback = (host: string): boolean =>
  host === 'localhost' || (isIP(host) !== 0 && loopback.check(host, familyOf(host)));

/**
 * Takes the value of NO_PROXY: hosts, domains, addresses and networks (`10.0.0.0/8`), with or without a port, separated by commas
 * or spaces; `*` is everything. What is returned says of a URL whether it is asked directly, which the loopback always is.
 */
export function readNoProxy(text: string): (url: URL) => boolean {
  const entries = text
    .toLowerCase()
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .map(readEntry);
  return ({ hostname, port, protocol }) => {
    const host = withoutBrackets(hostname).replace(/\.$/, '');
    const actual = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
    return isLoopback(host) || entries.some((entry) => (entry.port ?? actual) === actual && entry.matches(host));
  };
}
