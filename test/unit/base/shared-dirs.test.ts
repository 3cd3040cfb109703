import { expect, test } from '@jest/globals';
import { groupIdIn } from '../../../runtime/base/shared-dirs.ts';

test('the id of a group is the third field of its line', () => {
  const text = 'root:x:0:\nrkt-admin:x:7:\nrkt:x:998:alice,bob\nbroken:x:\nodd:x:1x:\n';
  expect(groupIdIn(text, 'rkt')).toBe(998);
  expect(groupIdIn(text, 'root')).toBe(0);
  for (const name of ['bob', 'broken', 'odd', '', 'rk']) expect(groupIdIn(text, name)).toBeUndefined();
});
