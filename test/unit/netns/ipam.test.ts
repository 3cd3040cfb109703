import { describe, expect, test } from '@jest/globals';
import { type Claim, claimAddress, hostAddressOf, podAddresses, poolSize } from '../../../netns/ipam.ts';
import type { Lease, LeaseStore } from '../../../netns/leases.ts';
import { memoryLeases } from '../../support/memory-leases.ts';

const claim = (uuid: string, more: Partial<Claim> = {}): Claim => ({
  uuid,
  kind: 'default',
  dir: '/pods/run/new',
  mayLive: () => {
    throw new Error('asked although addresses were free');
  },
  reclaim: () => {
    throw new Error('reclaimed although addresses were free');
  },
  vacate: () => {
    throw new Error('vacated although nobody had the address before');
  },
  ...more,
});

const give = (store: LeaseStore, uuid: string, more: Partial<Claim> = {}): string =>
  store.locked((leases) => claimAddress(leases, claim(uuid, more)).ip);

const full = (): Lease[] => podAddresses.map((ip, index) => ({ ip, uuid: `pod-${index}`, kind: 'default' }));

describe('the pool', () => {
  test('has 126 pairs and leaves out those at the ends', () => {
    expect(poolSize).toBe(126);
    expect(podAddresses).toHaveLength(126);
    expect(podAddresses[0]).toBe('172.16.28.3');
    expect(podAddresses.at(-1)).toBe('172.16.28.253');
    expect(hostAddressOf('172.16.28.253')).toBe('172.16.28.252');
  });
});

describe('claiming', () => {
  test('gives addresses in turn, also when earlier ones are free again', () => {
    const store = memoryLeases();
    expect(give(store, 'a')).toBe('172.16.28.3');
    expect(give(store, 'b')).toBe('172.16.28.5');
    store.locked((leases) => leases.remove('172.16.28.3'));
    expect(give(store, 'c')).toBe('172.16.28.7');
  });

  test('begins anew after the last, and steps over what is taken', () => {
    const store = memoryLeases([{ ip: '172.16.28.3', uuid: 'old', kind: 'default' }], '172.16.28.253');
    expect(give(store, 'a')).toBe('172.16.28.5');
  });

  test('begins anew where the address given last makes no sense', () => {
    expect(give(memoryLeases([], '10.0.0.1'), 'a')).toBe('172.16.28.3');
  });

  test('gives a pod the address that it has', () => {
    const store = memoryLeases();
    give(store, 'a');
    expect(give(store, 'a')).toBe('172.16.28.3');
    expect(store.locked((leases) => leases.list())).toHaveLength(1);
  });

  test('takes down what an attempt with another kind has left', () => {
    const store = memoryLeases();
    give(store, 'a');
    const reclaimed: Lease[] = [];
    const ip = give(store, 'a', { kind: 'default-restricted', reclaim: (lease) => reclaimed.push(lease) });
    expect(ip).toBe('172.16.28.3');
    expect(reclaimed).toEqual([{ ip, uuid: 'a', kind: 'default', dir: '/pods/run/new' }]);
    expect(store.locked((leases) => leases.list())).toEqual([
      { ip, uuid: 'a', kind: 'default-restricted', dir: '/pods/run/new' },
    ]);
  });

  test('takes addresses of dead pods back when none is free', () => {
    const store = memoryLeases(full(), '172.16.28.21');
    const reclaimed: string[] = [];
    const dead = ['pod-2', 'pod-40'];
    const ip = give(store, 'new', {
      mayLive: (lease) => !dead.includes(lease.uuid),
      reclaim: (lease) => reclaimed.push(lease.uuid),
      vacate: () => {},
    });
    expect(reclaimed).toEqual(dead);
    expect(ip).toBe(podAddresses[40]);
  });

  test('vacates an address that another pod had, before it is given', () => {
    const store = memoryLeases([], '172.16.28.253');
    give(store, 'a');
    store.locked((leases) => {
      leases.remove('172.16.28.3');
      leases.setLast('172.16.28.253');
    });
    const stuck = (): void => {
      throw new Error('the link is stuck');
    };
    expect(() => give(store, 'b', { vacate: stuck })).toThrow(new Error('the link is stuck'));
    expect(store.locked((leases) => leases.list())).toEqual([]);
    const vacated: string[][] = [];
    expect(give(store, 'b', { vacate: (ip, holder) => vacated.push([ip, holder]) })).toBe('172.16.28.3');
    expect(vacated).toEqual([['172.16.28.3', 'a']]);
  });

  test('says so when all pods live', () => {
    expect(() => give(memoryLeases(full()), 'new', { mayLive: () => true })).toThrow(
      expect.objectContaining({
        code: 'EPOOL',
        message: 'all 126 addresses of the default network (172.16.28.0/24) are in use by running pods',
        hint: 'stop pods that are not needed, run `rkt gc`, or start the pod with --net=host',
      }),
    );
  });

  test('keeps the lease of a pod that could not be taken down', () => {
    const store = memoryLeases(full());
    const reclaim = (): void => {
      throw new Error('the link is stuck');
    };
    expect(() => give(store, 'new', { mayLive: () => false, reclaim })).toThrow(new Error('the link is stuck'));
    expect(store.locked((leases) => leases.list())).toHaveLength(126);
  });
});
