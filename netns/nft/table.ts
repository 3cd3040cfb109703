/**
 * The static table. It is made once and refers to pods only by two sets, so a pod costs elements and never rules.
 * docs/networking.md shows it as `nft list ruleset` does, and a test compares the two.
 *
 * prerouting: the first rule is what makes a source address an identity: the strict reverse-path filter does so as well, but a host
 * that sets net.ipv4.conf.all.rp_filter to 2, as distributions do, turns it into the loose one. The second keeps neighbours of the
 * host from the metadata service, the third processes on the host's own network that bind to a pod's address (IP_TRANSPARENT).
 *
 * input: nothing reaches the service's address but what the service's own table has marked (service-table.ts), so that without a
 * living service nobody can answer in its place.
 *
 * forward: the first rule keeps a pod's question to the service on the host while the service is not running: by the default route it
 * would reach somebody else, who could answer. The next two confine restricted pods to the host; the last two let in to pods from
 * elsewhere only answers, and what was led there by a forwarded port (ports-table.ts). A packet that is not tracked is neither.
 */

import { metadataAddress } from '../../runtime/base/paths.ts';
import { ipv4Bytes } from '../ipv4.ts';
import { string } from '../netlink/codec.ts';
import { NetlinkError, type NetlinkTransport } from '../netlink/socket.ts';
import { commit, type NftChange, nftType } from './batch.ts';
import {
  accept,
  compare,
  drop,
  isMarked,
  isRedirected,
  isUnsolicited,
  loadAddress,
  loadLinkName,
  lookUp,
  maskWith,
  masquerade,
} from './expressions.ts';
import { serviceMark, setName, tableName } from './names.ts';
import { type Chain, newChain, newRule, newSet, newTable } from './objects.ts';

/** Types of set keys are for whoever lists the set: nft's own numbers for ipv4_addr and ifname, joined by 6-bit shifts. */
const keyType = { ipv4: 7, linkAndIpv4: (41 << 6) | 7 } as const;

const podLinks = Buffer.from('rkt'); // a prefix: what nft writes as "rkt*"
const loopback = Buffer.from('lo'.padEnd(16, '\0'));
const podNetwork = { address: ipv4Bytes('172.16.28.0'), mask: Buffer.from([255, 255, 255, 0]) };

/** Goes on unless the packet comes from a pod's address on that pod's link. */
const notFromItsLink = (): Buffer[] => [
  loadLinkName('inputName', 1),
  loadAddress('source', 2),
  lookUp('absent', setName.links),
];

const rule = (chain: Chain, expressions: Buffer[]): NftChange => newRule(tableName, chain, expressions);

/** Everything that the table consists of. */
export function tableChanges(): NftChange[] {
  const metadata = ipv4Bytes(metadataAddress);
  return [
    newTable(tableName),
    newSet(tableName, setName.pods, 1, keyType.ipv4, 4),
    newSet(tableName, setName.links, 2, keyType.linkAndIpv4, 20),
    newChain(tableName, 'prerouting', 'filter', 'raw'),
    newChain(tableName, 'input', 'filter', 'filter'),
    newChain(tableName, 'forward', 'filter', 'filter'),
    newChain(tableName, 'postrouting', 'nat', 'sourceNat'),
    rule('prerouting', [loadLinkName('inputName'), compare('equals', podLinks), ...notFromItsLink(), drop()]),
    rule('prerouting', [
      loadAddress('destination'),
      compare('equals', metadata),
      loadLinkName('inputName'),
      compare('differs', loopback),
      ...notFromItsLink(),
      drop(),
    ]),
    rule('prerouting', [
      loadAddress('destination'),
      compare('equals', metadata),
      loadLinkName('inputName'),
      compare('equals', loopback),
      loadAddress('source'),
      maskWith(podNetwork.mask),
      compare('equals', podNetwork.address),
      drop(),
    ]),
    rule('input', [loadAddress('destination'), compare('equals', metadata), ...isMarked(serviceMark), accept()]),
    rule('input', [loadAddress('destination'), compare('equals', metadata), drop()]),
    rule('forward', [loadAddress('destination'), compare('equals', metadata), drop()]),
    rule('forward', [
      loadLinkName('inputName'),
      compare('equals', podLinks),
      loadAddress('source'),
      lookUp('absent', setName.pods),
      drop(),
    ]),
    rule('forward', [
      loadLinkName('outputName'),
      compare('equals', podLinks),
      loadAddress('destination'),
      lookUp('absent', setName.pods),
      drop(),
    ]),
    rule('forward', [
      loadLinkName('outputName'),
      compare('equals', podLinks),
      loadLinkName('inputName'),
      compare('differs', podLinks),
      ...isRedirected(),
      accept(),
    ]),
    rule('forward', [
      loadLinkName('outputName'),
      compare('equals', podLinks),
      loadLinkName('inputName'),
      compare('differs', podLinks),
      ...isUnsolicited(),
      drop(),
    ]),
    rule('postrouting', [
      loadAddress('source'),
      lookUp('present', setName.pods),
      loadAddress('destination'),
      lookUp('absent', setName.pods),
      loadAddress('destination'),
      maskWith(Buffer.from([0xf0, 0, 0, 0])),
      compare('differs', Buffer.from([0xe0, 0, 0, 0])), // multicast
      masquerade(),
    ]),
  ];
}

/**
 * Makes the table, with `elements` in it, at once and only as a whole. False where it exists; then nothing is changed.
 */
export function createTable(socket: NetlinkTransport, elements: NftChange[] = []): boolean {
  try {
    commit(socket, [...tableChanges(), ...elements]);
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the table and everything in it; false where there was none. */
export function deleteTable(socket: NetlinkTransport): boolean {
  try {
    commit(socket, [
      {
        type: nftType.deleteTable,
        flags: 0,
        attributes: [string(1, tableName)],
        doing: `removing the nf_tables table ${tableName}`,
      },
    ]);
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return false;
    throw error;
  }
}
