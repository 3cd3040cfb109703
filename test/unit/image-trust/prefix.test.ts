import { expect, test } from '@jest/globals';
import { prefixesOf } from '../../../runtime/image/trust/prefix.ts';

test.each([
  ['example.com', ['example.com']],
  ['example.com/a/b', ['example.com', 'example.com/a', 'example.com/a/b']],
  ['example.com/a/../b', ['example.com', 'example.com/a']],
  ['example.com//b', ['example.com']],
  ['example.com/./b', ['example.com']],
  ['../example.com', []],
])('prefixes of %s', (name, prefixes) => {
  expect(prefixesOf(name)).toEqual(prefixes);
});
