/**
 * nf_tables batches: several changes in one datagram, all of which take effect or none
 * (Linux include/uapi/linux/netfilter/nfnetlink.h, nf_tables.h).
 */

import { flag, message, type NetlinkMessage, outcomeOf } from '../netlink/codec.ts';
import { NetlinkError, type NetlinkTransport } from '../netlink/socket.ts';

const batchBegin = 16;
const batchEnd = 17;
const nfTables = 10; // NFNL_SUBSYS_NFTABLES
const familyUnspecified = 0;
const familyIpv4 = 2;

/** Messages of nf_tables: NFT_MSG_*. */
export const nftType = {
  newTable: 0,
  deleteTable: 2,
  newChain: 3,
  newRule: 6,
  newSet: 9,
  newElements: 12,
  getElements: 13,
  deleteElements: 14,
} as const;

/** One change of a batch. */
export interface NftChange {
  type: number;
  flags: number;
  attributes: Uint8Array[];
  /** What the change does, for errors. */
  doing: string;
}

/** struct nfgenmsg; the resource id is in network byte order. */
function generic(family: number, resource: number): Buffer {
  return Buffer.from([family, 0, resource >> 8, resource & 255]);
}

/** One nf_tables message outside of a batch or in one. */
export function nftMessage(change: Omit<NftChange, 'doing'>, sequence: number): Buffer {
  return message((nfTables << 8) | change.type, change.flags | flag.request, sequence, [
    generic(familyIpv4, 0),
    ...change.attributes,
  ]);
}

/**
 * The datagram of a batch. Only the last change asks for an ack: the kernel answers when the whole batch has been carried
 * out, and answers errors in any case. Changes are numbered from 1.
 */
export function encodeBatch(changes: NftChange[]): Buffer {
  return Buffer.concat([
    message(batchBegin, flag.request, 0, [generic(familyUnspecified, nfTables)]),
    ...changes.map((change, index) => {
      const last = index === changes.length - 1;
      return nftMessage({ ...change, flags: change.flags | (last ? flag.ack : 0) }, index + 1);
    }),
    message(batchEnd, flag.request, changes.length + 1, [generic(familyUnspecified, nfTables)]),
  ]);
}

/** Carries a batch out. Throws the {@link NetlinkError} of the first change that was refused; then nothing has changed. */
export function commit(socket: NetlinkTransport, changes: NftChange[]): void {
  const failures = socket.raw(encodeBatch(changes), 1).flatMap((answer) => failureOf(answer, changes));
  const first = failures.sort((one, other) => one.index - other.index)[0];
  if (first !== undefined) throw first;
}

function failureOf(answer: NetlinkMessage, changes: NftChange[]): NetlinkError[] {
  const outcome = outcomeOf(answer);
  if (outcome === undefined || outcome.errno === 0) return [];
  // Number 0 is the batch as a whole: nf_tables missing, no permission, no memory.
  const doing = changes[answer.sequence - 1]?.doing ?? 'changing nf_tables';
  return [new NetlinkError(doing, outcome.errno, outcome.explanation, answer.sequence)];
}

/** The attributes of an nf_tables answer, which follow its nfgenmsg. */
export const nftPayload = (answer: NetlinkMessage): Buffer => answer.payload.subarray(4);
