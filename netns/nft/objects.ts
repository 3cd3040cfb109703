/** The changes that make tables, chains and rules (Linux include/uapi/linux/netfilter/nf_tables.h). */

import { flag, nested, string, u32be } from '../netlink/codec.ts';
import { type NftChange, nftType } from './batch.ts';

const hook = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const priority = { raw: -300, destinationNat: -100, beforeFilter: -1, filter: 0, sourceNat: 100 } as const;
const policyAccept = 1;

/** What a base chain is on; unless it needs another one, this is its name. */
export type Chain = keyof typeof hook;

/** NFT_TABLE_F_OWNER, Linux 5.12: only the socket that made the table can change it, and the table ends with the socket. */
export const ownerFlag = 2;

/** Makes a table that must not exist. */
export const newTable = (table: string, flags = 0): NftChange => ({
  type: nftType.newTable,
  flags: flag.create | flag.exclusive,
  attributes: [string(1, table), u32be(2, flags)],
  doing: `making the nf_tables table ${table}`,
});

export const newSet = (table: string, name: string, id: number, type: number, length: number): NftChange => ({
  type: nftType.newSet,
  flags: flag.create | flag.exclusive,
  attributes: [
    string(1, table),
    string(2, name),
    u32be(3, 0), // flags
    u32be(4, type),
    u32be(5, length),
    u32be(10, id),
  ],
  doing: `making the nf_tables set ${name}`,
});

const isMap = 8; // NFT_SET_MAP

/** A map from keys to data; types are nft's numbers, lengths bytes with every part padded to 4. */
export const newMap = (
  table: string,
  name: string,
  key: { id: number; type: number; length: number },
  data: { type: number; length: number },
): NftChange => ({
  type: nftType.newSet,
  flags: flag.create | flag.exclusive,
  attributes: [
    string(1, table),
    string(2, name),
    u32be(3, isMap),
    u32be(4, key.type),
    u32be(5, key.length),
    u32be(6, data.type),
    u32be(7, data.length),
    u32be(10, key.id),
  ],
  doing: `making the nf_tables map ${name}`,
});

/** Makes a base chain that lets through what its rules do not stop. */
export const newChain = (
  table: string,
  on: Chain,
  type: 'filter' | 'nat',
  order: keyof typeof priority,
  name: string = on,
): NftChange => ({
  type: nftType.newChain,
  flags: flag.create | flag.exclusive,
  attributes: [
    string(1, table),
    string(3, name),
    nested(4, [u32be(1, hook[on]), u32be(2, priority[order])]),
    u32be(5, policyAccept),
    string(7, type),
  ],
  doing: `making the nf_tables chain ${name} of type ${type}`,
});

/** Adds a rule at the end of a chain. */
export const newRule = (table: string, chain: string, expressions: Buffer[]): NftChange => ({
  type: nftType.newRule,
  flags: flag.create | flag.append,
  attributes: [string(1, table), string(2, chain), nested(4, expressions)],
  doing: `making a rule in the nf_tables chain ${chain}`,
});
