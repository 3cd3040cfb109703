/**
 * The table that leads connections to ports of the host on to pods. It is made with the first pod that asks for a port, and like the
 * static table it refers to pods by elements only: two maps, from a port of the host, at one address or at any, to a pod's address
 * and port. Every element has the pod's uuid as its comment. As `nft list ruleset` shows it:
 *
 *   table ip rkt-ports {
 *     map any { type inet_proto . inet_service : ipv4_addr . inet_service }
 *     map at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service }
 *     chain guard { type filter hook prerouting priority raw; ... }
 *     ...
 *
 * guard: nobody but the host itself speaks to 127.0.0.0/8. The kernel sees to that as well, but only after addresses were replaced
 * (CVE-2020-8558). Against the pods themselves, on whose links it does not, there is another guard that does not go with the ruleset
 * (loopback-guard.ts).
 *
 * prerouting, output: the replacement, for others and for the host itself. At any address means: at any of this host's own, the metadata
 * service's excepted.
 *
 * postrouting: a pod could not answer to 127.0.0.1, so what comes from there is seen as from the host's end of the link.
 *
 * strays: what was meant for a pod that is gone goes nowhere, instead of out by the default route. The kernel remembers where it has led a
 * connection or the datagrams of a client, also when the map says otherwise by then and the address is another pod's; so every
 * packet is held against the set `live`.
 */

import { metadataAddress } from '../../runtime/base/paths.ts';
import { ipv4Bytes } from '../ipv4.ts';
import type { NftChange } from './batch.ts';
import {
  accept,
  compare,
  drop,
  isLocalDestination,
  isRedirected,
  loadAddress,
  loadLinkName,
  loadPortKey,
  loadRedirection,
  lookUp,
  maskWith,
  masquerade,
  redirectBy,
} from './expressions.ts';
import { portMaps, portSet, portsTableName } from './names.ts';
import { type Chain, newChain, newMap, newRule, newSet, newTable } from './objects.ts';

/** nft's own numbers for types, joined by 6-bit shifts: ipv4_addr 7, inet_proto 12, inet_service 13. */
const keyType = {
  any: (12 << 6) | 13,
  at: (((7 << 6) | 12) << 6) | 13,
  target: (7 << 6) | 13,
  live: (((((12 << 6) | 13) << 6) | 7) << 6) | 13,
} as const;

const podLinks = Buffer.from('rkt'); // a prefix: what nft writes as "rkt*"
const loopbackLink = Buffer.from('lo'.padEnd(16, '\0'));
const loopback = { address: ipv4Bytes('127.0.0.0'), mask: Buffer.from([255, 0, 0, 0]) };
const podNetwork = { address: ipv4Bytes('172.16.28.0'), mask: Buffer.from([255, 255, 255, 0]) };

const rule = (chain: Chain, expressions: Buffer[], name: string = chain): NftChange =>
  newRule(portsTableName, name, expressions);

const isIn = (which: 'source' | 'destination', how: 'equals' | 'differs', network: typeof loopback): Buffer[] => [
  loadAddress(which),
  maskWith(network.mask),
  compare(how, network.address),
];

const lead = (chain: 'prerouting' | 'output'): NftChange[] => [
  rule(chain, [loadAddress('destination'), compare('equals', ipv4Bytes(metadataAddress)), accept()]),
  rule(chain, [...loadPortKey('at'), ...redirectBy(portMaps.at)]),
  rule(chain, [...isLocalDestination(), ...loadPortKey('any'), ...redirectBy(portMaps.any)]),
];

/** Everything that the table consists of, without its elements. */
export function portsTableChanges(): NftChange[] {
  return [
    newTable(portsTableName),
    newMap(portsTableName, portMaps.any, { id: 1, type: keyType.any, length: 8 }, { type: keyType.target, length: 8 }),
    newMap(portsTableName, portMaps.at, { id: 2, type: keyType.at, length: 12 }, { type: keyType.target, length: 8 }),
    newSet(portsTableName, portSet, 3, keyType.live, 16),
    newChain(portsTableName, 'prerouting', 'filter', 'raw', 'guard'),
    newChain(portsTableName, 'prerouting', 'nat', 'destinationNat'),
    newChain(portsTableName, 'output', 'nat', 'destinationNat'),
    newChain(portsTableName, 'postrouting', 'nat', 'sourceNat'),
    newChain(portsTableName, 'postrouting', 'filter', 'filter', 'strays'),
    rule(
      'prerouting',
      [...isIn('destination', 'equals', loopback), loadLinkName('inputName'), compare('differs', loopbackLink), drop()],
      'guard',
    ),
    ...lead('prerouting'),
    ...lead('output'),
    rule('postrouting', [
      loadLinkName('outputName'),
      compare('equals', podLinks),
      ...isIn('source', 'equals', loopback),
      masquerade(),
    ]),
    rule(
      'postrouting',
      [
        ...isIn('destination', 'equals', podNetwork),
        loadLinkName('outputName'),
        compare('differs', podLinks),
        ...isRedirected(),
        drop(),
      ],
      'strays',
    ),
    rule(
      'postrouting',
      [
        loadLinkName('outputName'),
        compare('equals', podLinks),
        ...isRedirected(),
        ...loadRedirection(),
        lookUp('absent', portSet),
        drop(),
      ],
      'strays',
    ),
  ];
}
