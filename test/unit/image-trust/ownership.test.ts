import { expect, test } from '@jest/globals';
import { distrust } from '../../../runtime/image/trust/ownership.ts';

const stranger = 54321;

test.each([
  [{ uid: 0, gid: 0, mode: 0o100644 }, undefined],
  [{ uid: 0, gid: 0, mode: 0o100664 }, undefined],
  [{ uid: 0, gid: stranger, mode: 0o100644 }, undefined],
  [{ uid: process.geteuid?.() ?? 0, gid: stranger, mode: 0o100600 }, undefined],
  [{ uid: 0, gid: 0, mode: 0o100646 }, 'everyone can write it'],
  [{ uid: 0, gid: 0, mode: 0o041777 }, 'everyone can write it'],
  [{ uid: 0, gid: stranger, mode: 0o100664 }, `group ${stranger} can write it`],
  [{ uid: stranger, gid: 0, mode: 0o100644 }, `it belongs to user ${stranger}`],
])('%j: %s', (stats, reason) => {
  expect(distrust(stats)).toBe(reason);
});
