import type { Lease, LeaseStore } from '../../netns/leases.ts';

/** A store that is gone with the process. */
export function memoryLeases(initial: Lease[] = [], last?: string): LeaseStore {
  const leases = new Map(initial.map((lease) => [lease.ip, lease]));
  const holders = new Map(initial.map(({ ip, uuid }) => [ip, uuid]));
  const table = {
    last,
    list: () => [...leases.values()],
    add(lease: Lease): boolean {
      if (leases.has(lease.ip)) return false;
      leases.set(lease.ip, lease);
      holders.set(lease.ip, lease.uuid);
      return true;
    },
    remove: (ip: string) => void leases.delete(ip),
    holder: (ip: string) => holders.get(ip),
    setLast(ip: string): void {
      table.last = ip;
    },
  };
  return { locked: (work) => work(table) };
}
