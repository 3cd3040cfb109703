/**
 * Who gets which address of the default network, 172.16.28.0/24. Every pod has a /31 (RFC 3021): the even address is the host's end
 * of its link, the odd one the pod's. The pairs at both ends of the network are left out, so that no address looks like that of
 * a network or a broadcast: 126 pods, from 172.16.28.2/31 to 172.16.28.252/31.
 */

import { RktError } from '../runtime/base/errors.ts';
import { ipv4Number, ipv4Text } from './ipv4.ts';
import type { Lease, LeaseTable } from './leases.ts';
import type { PodNetworkKind } from './types.ts';

const network = ipv4Number('172.16.28.0');
const firstPair = 2;
const lastPair = 252;

/** How many pods have room. */
export const poolSize = (lastPair - firstPair) / 2 + 1;

/** The pods' addresses in order. */
export const podAddresses: readonly string[] = Array.from({ length: poolSize }, (_, index) =>
  ipv4Text(network + firstPair + 2 * index + 1),
);

/** The address of the host's end of the link of a pod. */
export const hostAddressOf = (podAddress: string): string => ipv4Text(ipv4Number(podAddress) - 1);

export interface Claim {
  uuid: string;
  kind: PodNetworkKind;
  /** The pod's directory. */
  dir: string;
  /** Whether the pod of a lease lives, or may. Asked only when no address is free. */
  mayLive: (lease: Lease) => boolean;
  /** Takes down everything that a dead pod has left, except for its lease. */
  reclaim: (dead: Lease) => void;
  /**
   * Makes sure that a free address is nobody's any more, before it is given away. `holder` had it last: its lease is gone, its link
   * may still be there.
   */
  vacate: (ip: string, holder: string) => void;
}

/**
 * Gives the pod an address, or the one it has. Addresses are given in turn, so that one is not used again soon after its pod has
 * ended. Where none is free, those of dead pods are taken back. Throws a RktError EPOOL where all pods live.
 */
export function claimAddress(leases: LeaseTable, claim: Claim): Lease {
  const taken = leases.list();
  const own = taken.find((lease) => lease.uuid === claim.uuid);
  if (own !== undefined) return own.kind === claim.kind ? own : changeKind(leases, own, claim);
  const lease = claimFree(leases, taken, claim);
  if (lease !== undefined) return lease;

  const dead = taken.filter((other) => !claim.mayLive(other));
  for (const other of dead) {
    claim.reclaim(other);
    leases.remove(other.ip);
  }
  const second = dead.length === 0 ? undefined : claimFree(leases, leases.list(), claim);
  if (second !== undefined) return second;
  throw new RktError(`all ${poolSize} addresses of the default network (172.16.28.0/24) are in use by running pods`, {
    code: 'EPOOL',
    hint: 'stop pods that are not needed, run `rkt gc`, or start the pod with --net=host',
  });
}

/** An earlier attempt for the same pod left its lease with another kind. */
function changeKind(leases: LeaseTable, own: Lease, claim: Claim): Lease {
  claim.reclaim(own);
  leases.remove(own.ip);
  const lease = { ip: own.ip, uuid: claim.uuid, kind: claim.kind, dir: claim.dir };
  leases.add(lease);
  return lease;
}

function claimFree(leases: LeaseTable, taken: Lease[], claim: Claim): Lease | undefined {
  const used = new Set(taken.map((lease) => lease.ip));
  // An unknown address, or none, starts from the beginning.
  const start = podAddresses.indexOf(leases.last ?? '') + 1;
  for (let step = 0; step < poolSize; step++) {
    const ip = podAddresses[(start + step) % poolSize];
    if (ip === undefined || used.has(ip)) continue;
    const holder = leases.holder(ip);
    if (holder !== undefined) claim.vacate(ip, holder);
    const lease = { ip, uuid: claim.uuid, kind: claim.kind, dir: claim.dir };
    if (!leases.add(lease)) continue;
    leases.setLast(ip);
    return lease;
  }
  return undefined;
}
