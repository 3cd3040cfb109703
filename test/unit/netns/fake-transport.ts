/** A kernel for unit tests: records datagrams of nf_tables and answers each with errors that the test has prepared. */

import { type NetlinkMessage, parseMessages } from '../../../netns/netlink/codec.ts';
import type { NetlinkTransport } from '../../../netns/netlink/socket.ts';

export interface Refusal {
  sequence: number;
  errno: number;
}

export interface FakeTransport extends NetlinkTransport {
  /** The messages of each datagram sent. */
  readonly sent: NetlinkMessage[][];
}

/** An NLMSG_ERROR message as parsed. */
export function errorMessage(sequence: number, errno: number): NetlinkMessage {
  const payload = Buffer.alloc(20);
  payload.writeInt32LE(-errno);
  return { type: 2, flags: 0x100, sequence, payload };
}

/** The n-th datagram is answered by the n-th list, or by success where there is none. */
export function fakeTransport(refusals: Refusal[][]): FakeTransport {
  const sent: NetlinkMessage[][] = [];
  return {
    sent,
    transact: () => {
      throw new Error('not used by nf_tables');
    },
    raw(datagram) {
      sent.push(parseMessages(Buffer.from(datagram)));
      const list = refusals[sent.length - 1] ?? [];
      return list.length === 0
        ? [errorMessage(1, 0)]
        : list.map(({ sequence, errno }) => errorMessage(sequence, errno));
    },
  };
}
