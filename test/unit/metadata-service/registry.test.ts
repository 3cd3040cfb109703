import { describe, expect, jest, test } from '@jest/globals';
import type { Pod } from '../../../metadata-service/pod.ts';
import { hashToken } from '../../../metadata-service/pod.ts';
import { addressOf, createRegistry, MemoryStore, recordOf, TestLease, tokenOf, uuidOf } from './fixtures.ts';

describe('Registry', () => {
  test('finds a pod by address, token and uuid once it is stored', async () => {
    const store = new MemoryStore();
    const written = Promise.withResolvers<void>();
    store.hold = written.promise;
    const registry = createRegistry({ store });
    const registering = registry.register(recordOf(1), new TestLease());
    expect(registry.size).toBe(1);
    expect(registry.byAddress(addressOf(1))).toBeUndefined();
    expect(registry.list()).toEqual([]);
    written.resolve();
    const pod = await registering;
    expect(store.records.get(uuidOf(1))).toEqual(recordOf(1));
    expect(registry.byAddress(addressOf(1))).toBe(pod);
    expect(registry.byTokenHash(hashToken(tokenOf(1)))).toBe(pod);
    expect(registry.byUuid(uuidOf(1))).toBe(pod);
    expect(registry.list()).toEqual([pod]);
  });

  test('forgets a pod in the turn in which its lease ends', async () => {
    const store = new MemoryStore();
    const removed = jest.fn<(pod: Pod) => void>();
    const registry = createRegistry({ store, onRemoved: removed });
    const lease = new TestLease();
    const pod = await registry.register(recordOf(1), lease);
    lease.end();
    await lease.ended;
    expect(registry.byAddress(addressOf(1))).toBeUndefined();
    expect(registry.byTokenHash(hashToken(tokenOf(1)))).toBeUndefined();
    expect(removed).toHaveBeenCalledWith(pod);
    expect(registry.size).toBe(0);
  });

  test('a lease that ended while the registration was written leaves nothing behind', async () => {
    const store = new MemoryStore();
    const registry = createRegistry({ store });
    const lease = new TestLease();
    const registering = registry.register(recordOf(1), lease);
    lease.end();
    await registering;
    await lease.ended;
    expect(registry.size).toBe(0);
    expect(store.records.size).toBe(0);
  });

  test.each([
    ['uuid', recordOf(2, { uuid: uuidOf(1) }), 'uuid_registered'],
    ['address', recordOf(2, { ip: addressOf(1) }), 'address_registered'],
    ['token', recordOf(2, { tokenHash: hashToken(tokenOf(1)) }), 'token_registered'],
  ])('a living pod keeps its %s, and the other gets nothing', async (_, record, code) => {
    const registry = createRegistry();
    const pod = await registry.register(recordOf(1), new TestLease());
    await expect(registry.register(record, new TestLease())).rejects.toMatchObject({ code, status: 409 });
    expect(registry.list()).toEqual([pod]);
  });

  test('a registration that is being written holds its address already', async () => {
    const registry = createRegistry({ isAlive: () => false });
    const first = registry.register(recordOf(1), new TestLease());
    await expect(registry.register(recordOf(2, { ip: addressOf(1) }), new TestLease())).rejects.toMatchObject({
      code: 'address_registered',
    });
    await first;
  });

  test('a dead pod is unregistered before its address is given away', async () => {
    const removed: string[] = [];
    const registry = createRegistry({ isAlive: () => false, onRemoved: (pod) => removed.push(pod.uuid) });
    const lease = new TestLease();
    await registry.register(recordOf(1), lease);
    const pod = await registry.register(recordOf(2, { ip: addressOf(1) }), new TestLease());
    expect(removed).toEqual([uuidOf(1)]);
    expect(lease.cancelled).toBe(true);
    lease.end();
    await lease.ended;
    expect(registry.byAddress(addressOf(1))).toBe(pod);
  });

  test('a pod that is just ending is waited for', async () => {
    const registry = createRegistry({ conflictWaitMs: 60_000 });
    const lease = new TestLease();
    await registry.register(recordOf(1), lease);
    const registering = registry.register(recordOf(2, { ip: addressOf(1) }), new TestLease());
    lease.end();
    expect(registry.byAddress(addressOf(1))).toBeDefined();
    expect(registry.byAddress(addressOf(1))).not.toBe(await registering);
    expect(registry.byAddress(addressOf(1))?.uuid).toBe(uuidOf(2));
  });

  test('a pod that comes again under its uuid is not removed by the lease of its predecessor', async () => {
    const registry = createRegistry({ isAlive: () => false });
    const old = new TestLease();
    await registry.register(recordOf(1), old);
    const pod = await registry.register(recordOf(1), new TestLease());
    old.end();
    await old.ended;
    expect(registry.byUuid(uuidOf(1))).toBe(pod);
  });

  test('a registration that cannot be stored is none', async () => {
    const store = new MemoryStore();
    store.hold = Promise.reject(new Error('no space left on device'));
    const registry = createRegistry({ store });
    await expect(registry.register(recordOf(1), new TestLease())).rejects.toThrow('no space left on device');
    expect(registry.size).toBe(0);
  });

  test('a manifest that is not valid is refused before anything is held', async () => {
    const registry = createRegistry();
    await expect(registry.register(recordOf(1, { podManifest: '{}' }), new TestLease())).rejects.toMatchObject({
      code: 'EMANIFEST',
    });
    expect(registry.size).toBe(0);
  });

  test('unregisters by uuid, once', async () => {
    const registry = createRegistry();
    await registry.register(recordOf(1), new TestLease());
    expect(await registry.unregister(uuidOf(1))).toBe(true);
    expect(await registry.unregister(uuidOf(1))).toBe(false);
  });

  test('serves a recovered pod until its process ends', async () => {
    const registry = createRegistry();
    const lease = new TestLease();
    registry.recover(recordOf(1), lease);
    expect(registry.byAddress(addressOf(1))?.uuid).toBe(uuidOf(1));
    lease.end();
    await lease.ended;
    expect(registry.size).toBe(0);
  });

  test('once frozen it takes nobody, and leases that end change nothing', async () => {
    const store = new MemoryStore();
    const registry = createRegistry({ store });
    const lease = new TestLease();
    await registry.register(recordOf(1), lease);
    registry.freeze();
    expect(lease.cancelled).toBe(true);
    lease.end();
    await lease.ended;
    expect(store.records.size).toBe(1);
    await expect(registry.register(recordOf(2), new TestLease())).rejects.toMatchObject({
      code: 'stopping',
      status: 503,
    });
  });
});
