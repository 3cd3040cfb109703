import { describe, expect, test } from '@jest/globals';
import { createKey, Identity, maxKeys, type SigningKey } from '../../../metadata-service/identity.ts';
import { KeyRing } from '../../../metadata-service/key-ring.ts';
import { uuidOf } from './fixtures.ts';

const content = Buffer.from('x');

describe('KeyRing', () => {
  test('rotations at the same time get versions of their own', async () => {
    const saved: number[][] = [];
    const identity = new Identity([createKey([])]);
    const ring = new KeyRing(identity, async (keys) => void saved.push(keys.map(({ version }) => version)));
    expect(await Promise.all([ring.rotate(), ring.rotate()])).toEqual([2, 3]);
    expect(saved).toEqual([
      [1, 2],
      [1, 2, 3],
    ]);
  });

  test('signs with a key only after it was saved, and goes on after a failure', async () => {
    const identity = new Identity([createKey([])]);
    const before = identity.sign(uuidOf(1), content);
    let failing = true;
    const ring = new KeyRing(identity, async () => {
      if (failing) throw new Error('no space left on device');
    });
    await expect(ring.rotate()).rejects.toThrow('no space left on device');
    expect(identity.sign(uuidOf(1), content)).toBe(before);
    failing = false;
    expect(await ring.rotate()).toBe(2);
    expect(identity.sign(uuidOf(1), content)).not.toBe(before);
  });

  test('has a bound, because every verification tries all keys', async () => {
    const keys: SigningKey[] = [];
    while (keys.length < maxKeys) keys.push(createKey(keys));
    const ring = new KeyRing(new Identity(keys), async () => {});
    await expect(ring.rotate()).rejects.toMatchObject({ code: 'too_many_keys', status: 409 });
  });
});
