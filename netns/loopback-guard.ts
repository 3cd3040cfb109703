/**
 * What keeps a pod from 127.0.0.0/8 of the host on a link with route_localnet: a filter at the link itself, by which packets pass before
 * anything else sees them, netfilter included. It is there as long as the link is, whatever becomes of the ruleset (tc(8), clsact; Linux
 * include/uapi/linux/pkt_cls.h).
 */

import { encodeProgram, type Instruction, opcode } from '../runtime/base/classic-bpf.ts';
import { attribute, flag, nested, string, u32 } from './netlink/codec.ts';
import { NetlinkError, type NetlinkRequest, type NetlinkTransport } from './netlink/socket.ts';

const messageType = { newQdisc: 36, newFilter: 44 } as const;
const attributeType = { kind: 1, options: 2 } as const;
const bpfOption = { length: 4, program: 5, name: 7, flags: 8 } as const;
/** TCA_BPF_FLAG_ACT_DIRECT: what the program returns is what is done. */
const actDirect = 1;

const handle = { clsact: 0xffff0000, parent: 0xfffffff1, ingress: 0xfffffff2 } as const;
/** ETH_P_ALL in network order, below the priority: what the protocol is, the program looks up itself. */
const priority = (1 << 16) | 0x0300;

/** Of linux/filter.h: what a load finds beside the packet. */
const ancillary = 0xfffff000;
/**
 * From the beginning of the frame (linux/if_ether.h, ETH_HLEN). Not from SKF_NET_OFF: before Linux 6.16 that reads nothing of a packet
 * whose IP header is in a page of its own, as a sender with a ring can have it, and a program that cannot read lets pass.
 */
const firstByteOfDestination = 14 + 16;

/** TC_ACT_SHOT, and TC_ACT_UNSPEC: whoever else has a filter on this link decides. */
const verdict = { drop: 2, pass: 0xffffffff } as const;

/**
 * A frame with a VLAN tag is dropped whatever is in it: nothing on the host listens for one here, and the kernel takes off a tag of VLAN 0,
 * and any number of those behind each other, after this filter has run.
 */
const program: readonly Instruction[] = [
  [opcode.loadWord, 0, 0, ancillary + 48], // SKF_AD_VLAN_TAG_PRESENT
  [opcode.jumpEqual, 0, 4, 0],
  [opcode.loadWord, 0, 0, ancillary + 0], // SKF_AD_PROTOCOL
  [opcode.jumpEqual, 0, 3, 0x0800],
  [opcode.loadByte, 0, 0, firstByteOfDestination],
  [opcode.jumpEqual, 0, 1, 127],
  [opcode.giveBack, 0, 0, verdict.drop],
  [opcode.giveBack, 0, 0, verdict.pass],
];

/** struct tcmsg. */
function header(linkIndex: number, own: number, parent: number, info: number): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeInt32LE(linkIndex, 4);
  bytes.writeUInt32LE(own, 8);
  bytes.writeUInt32LE(parent, 12);
  bytes.writeUInt32LE(info, 16);
  return bytes;
}

function u16(type: number, value: number): Buffer {
  const data = Buffer.alloc(2);
  data.writeUInt16LE(value);
  return attribute(type, data);
}

function requests(linkIndex: number, name: string): NetlinkRequest[] {
  const doing = `guarding the host's loopback against the link ${name}`;
  // The same again changes nothing.
  const flags = flag.create | flag.replace;
  return [
    {
      type: messageType.newQdisc,
      flags,
      body: [header(linkIndex, handle.clsact, handle.parent, 0), string(attributeType.kind, 'clsact')],
      doing,
    },
    {
      type: messageType.newFilter,
      flags,
      body: [
        header(linkIndex, 1, handle.ingress, priority),
        string(attributeType.kind, 'bpf'),
        nested(attributeType.options, [
          u16(bpfOption.length, program.length),
          attribute(bpfOption.program, encodeProgram(program)),
          string(bpfOption.name, 'rkt-loopback-guard'),
          u32(bpfOption.flags, actDirect),
        ]),
      ],
      doing,
    },
  ];
}

/** What a kernel says that lacks the traffic control (sch_ingress) or the filter (cls_bpf). */
const missing = new Set(['ENOENT', 'EOPNOTSUPP', 'ENOTSUP']);

/** Sets up the guard on a link of the host; false where the kernel cannot. */
export function guardLoopback(socket: NetlinkTransport, linkIndex: number, name: string): boolean {
  try {
    socket.transact(requests(linkIndex, name));
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && missing.has(error.code)) return false;
    throw error;
  }
}
