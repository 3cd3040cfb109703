import { expect, test } from '@jest/globals';
import { isUuid } from '../../../runtime/appc/uuid.ts';
import { randomBytes, randomUuid } from '../../../runtime/base/random.ts';

test('uuids are canonical, of version 4 and variant 1, and differ', () => {
  const uuids = Array.from({ length: 1000 }, randomUuid);
  for (const uuid of uuids) {
    expect(isUuid(uuid)).toBe(true);
    expect(uuid[14]).toBe('4');
    expect('89ab').toContain(uuid[19]);
  }
  expect(new Set(uuids).size).toBe(1000);
});

test('as many bytes as asked for', () => {
  expect(randomBytes(256)).toHaveLength(256);
  expect(randomBytes(32).equals(randomBytes(32))).toBe(false);
});
