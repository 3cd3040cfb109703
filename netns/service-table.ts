/**
 * The nf_tables table that leads pods to a running metadata service: what goes to 169.254.169.255:80 is redirected to the port that
 * the service listens on. As `nft list ruleset` shows it:
 *
 *   table ip rkt-metadata {
 *     flags owner
 *     chain prerouting { type nat hook prerouting priority dstnat; policy accept;
 *       ip daddr 169.254.169.255 tcp dport 80 dnat to 169.254.169.255:18112
 *     }
 *     chain output { the same for processes on the host's network, on hook output }
 *     chain input { type filter hook input priority filter - 1; policy accept;
 *       ip daddr 169.254.169.255 ct status dnat meta mark set 0x00726b74
 *     }
 *   }
 *
 * The static table drops what goes to the address without that mark. The mark is set for each packet, so that connections which the
 * kernel still redirects after the end of a service lead nowhere.
 *
 * The table is owned by a netlink socket, so it ends when the service does, however it ends: the kernel removes it
 * (docs/decisions/004-the-port-of-the-metadata-service.md).
 */

import { messageOf, RktError } from '../runtime/base/errors.ts';
import { metadataAddress, metadataPort } from '../runtime/base/paths.ts';
import { ipv4Bytes } from './ipv4.ts';
import { NetlinkError, NetlinkSocket, protocol } from './netlink/socket.ts';
import { commit, type NftChange } from './nft/batch.ts';
import { compare, isRedirected, loadAddress, redirect, setMark, tcpTo } from './nft/expressions.ts';
import { serviceMark, serviceTableName } from './nft/names.ts';
import { newChain, newRule, newTable, ownerFlag } from './nft/objects.ts';

/** Everything that the table consists of. */
export function serviceTableChanges(listenPort: number): NftChange[] {
  const address = ipv4Bytes(metadataAddress);
  const lead = () => [
    loadAddress('destination'),
    compare('equals', address),
    ...tcpTo(metadataPort),
    ...redirect(address, listenPort),
  ];
  return [
    newTable(serviceTableName, ownerFlag),
    newChain(serviceTableName, 'prerouting', 'nat', 'destinationNat'),
    newChain(serviceTableName, 'output', 'nat', 'destinationNat'),
    newChain(serviceTableName, 'input', 'filter', 'beforeFilter'),
    newRule(serviceTableName, 'prerouting', lead()),
    newRule(serviceTableName, 'output', lead()),
    newRule(serviceTableName, 'input', [
      loadAddress('destination'),
      compare('equals', address),
      ...isRedirected(),
      ...setMark(serviceMark),
    ]),
  ];
}

/**
 * Leads pods to `listenPort`, which somebody must be listening on already, until the result is disposed of or this process ends.
 * Throws a RktError ENETWORK, EMETADATARUNNING where the table is there.
 */
export function leadToService(listenPort: number): Disposable {
  let socket: NetlinkSocket | undefined;
  try {
    socket = NetlinkSocket.open(protocol.netfilter);
    commit(socket, serviceTableChanges(listenPort));
    return socket;
  } catch (error) {
    socket?.[Symbol.dispose]();
    throw explain(error);
  }
}

/** The change numbered 1 makes the table: EPERM is another owner's, EEXIST one without an owner. */
function explain(error: unknown): RktError {
  const refused = error instanceof NetlinkError && error.index === 1 ? error.code : undefined;
  const table = `the nf_tables table "ip ${serviceTableName}"`;
  if (refused === 'EPERM') {
    return new RktError(`cannot start the metadata service: ${table} belongs to another process`, {
      code: 'EMETADATARUNNING',
      hint: 'another metadata service serves this host; use that one, or stop it first',
      cause: error,
    });
  }
  if (refused === 'EEXIST') {
    return new RktError(`cannot start the metadata service: ${table} exists and belongs to nobody`, {
      code: 'ENETWORK',
      hint: `rkt did not make it; remove it with \`nft delete table ip ${serviceTableName}\``,
      cause: error,
    });
  }
  return new RktError(`cannot start the metadata service: leading pods to its port: ${messageOf(error)}`, {
    code: 'ENETWORK',
    hint: 'the kernel needs nf_tables with address translation (CONFIG_NF_TABLES, CONFIG_NFT_NAT), Linux 5.12 or newer',
    cause: error,
  });
}
