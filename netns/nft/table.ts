/**
 * The static table. It is made once and refers to pods only by two sets, so a pod costs elements and never rules.
 * As `nft list ruleset` shows it:
 *
 *   table ip rkt {
 *     set pods { type ipv4_addr }
 *     set links { type ifname . ipv4_addr }
 *     chain prerouting { type filter hook prerouting priority raw; policy accept;
 *       iifname "rkt*" iifname . ip saddr != @links drop
 *       ip daddr 169.254.169.255 iifname != "lo" iifname . ip saddr != @links drop
 *     }
 *     chain forward { type filter hook forward priority filter; policy accept;
 *       ip daddr 169.254.169.255 drop
 *       iifname "rkt*" ip saddr != @pods drop
 *       oifname "rkt*" ip daddr != @pods drop
 *     }
 *     chain postrouting { type nat hook postrouting priority srcnat; policy accept;
 *       ip saddr @pods ip daddr != @pods ip daddr != 224.0.0.0/4 masquerade
 *     }
 *   }
 *
 * The first rule is what makes a source address an identity: the strict reverse-path filter does so as well, but a host that
 * sets net.ipv4.conf.all.rp_filter to 2, as distributions do, turns it into the loose one. The second keeps neighbours of the host
 * from the metadata service. The third keeps a pod's question to the service on the host while the service is not running:
 * by the default route it would reach somebody else, who could answer. The next two confine restricted pods to the host.
 */

import { metadataAddress } from '../../runtime/base/paths.ts';
import { ipv4Bytes } from '../ipv4.ts';
import { flag, nested, string, u32be } from '../netlink/codec.ts';
import { NetlinkError, type NetlinkTransport } from '../netlink/socket.ts';
import { commit, type NftChange, nftType } from './batch.ts';
import { compare, drop, loadAddress, loadLinkName, lookUp, maskWith, masquerade } from './expressions.ts';
import { setName, tableName } from './names.ts';

const hook = { prerouting: 0, forward: 2, postrouting: 4 } as const;
const priority = { raw: -300, filter: 0, sourceNat: 100 } as const;
const policyAccept = 1;

/** Types of set keys are for whoever lists the set: nft's own numbers for ipv4_addr and ifname, joined by 6-bit shifts. */
const keyType = { ipv4: 7, linkAndIpv4: (41 << 6) | 7 } as const;

const newTable = (): NftChange => ({
  type: nftType.newTable,
  flags: flag.create | flag.exclusive,
  attributes: [string(1, tableName), u32be(2, 0)],
  doing: `making the nf_tables table ${tableName}`,
});

const newSet = (name: string, id: number, type: number, length: number): NftChange => ({
  type: nftType.newSet,
  flags: flag.create | flag.exclusive,
  attributes: [
    string(1, tableName),
    string(2, name),
    u32be(3, 0), // flags
    u32be(4, type),
    u32be(5, length),
    u32be(10, id),
  ],
  doing: `making the nf_tables set ${name}`,
});

const newChain = (name: keyof typeof hook, type: 'filter' | 'nat', order: number): NftChange => ({
  type: nftType.newChain,
  flags: flag.create | flag.exclusive,
  attributes: [
    string(1, tableName),
    string(3, name),
    nested(4, [u32be(1, hook[name]), u32be(2, order)]),
    u32be(5, policyAccept),
    string(7, type),
  ],
  doing: `making the nf_tables chain ${name} of type ${type}`,
});

const newRule = (chain: keyof typeof hook, expressions: Buffer[]): NftChange => ({
  type: nftType.newRule,
  flags: flag.create | flag.append,
  attributes: [string(1, tableName), string(2, chain), nested(4, expressions)],
  doing: `making a rule in the nf_tables chain ${chain}`,
});

const podLinks = Buffer.from('rkt'); // a prefix: what nft writes as "rkt*"
const loopback = Buffer.from('lo'.padEnd(16, '\0'));

/** Goes on unless the packet comes from a pod's address on that pod's link. */
const notFromItsLink = (): Buffer[] => [
  loadLinkName('inputName', 1),
  loadAddress('source', 2),
  lookUp('absent', setName.links),
];

/** Everything that the table consists of. */
export function tableChanges(): NftChange[] {
  const metadata = ipv4Bytes(metadataAddress);
  return [
    newTable(),
    newSet(setName.pods, 1, keyType.ipv4, 4),
    newSet(setName.links, 2, keyType.linkAndIpv4, 20),
    newChain('prerouting', 'filter', priority.raw),
    newChain('forward', 'filter', priority.filter),
    newChain('postrouting', 'nat', priority.sourceNat),
    newRule('prerouting', [loadLinkName('inputName'), compare('equals', podLinks), ...notFromItsLink(), drop()]),
    newRule('prerouting', [
      loadAddress('destination'),
      compare('equals', metadata),
      loadLinkName('inputName'),
      compare('differs', loopback),
      ...notFromItsLink(),
      drop(),
    ]),
    newRule('forward', [loadAddress('destination'), compare('equals', metadata), drop()]),
    newRule('forward', [
      loadLinkName('inputName'),
      compare('equals', podLinks),
      loadAddress('source'),
      lookUp('absent', setName.pods),
      drop(),
    ]),
    newRule('forward', [
      loadLinkName('outputName'),
      compare('equals', podLinks),
      loadAddress('destination'),
      lookUp('absent', setName.pods),
      drop(),
    ]),
    newRule('postrouting', [
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
