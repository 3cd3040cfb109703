import { describe, expect, test } from '@jest/globals';
import { parseNetworking, wantsRegistration } from '../../../runtime/pod/networks.ts';

describe('--net', () => {
  test.each([
    ['host', 'host'],
    ['none', 'none'],
    ['default', 'default'],
    ['', 'default'],
    ['default-restricted', 'default-restricted'],
    ['default,default-restricted', 'default'],
  ])('%j', (text, networking) => {
    expect(parseNetworking(text, '--net')).toBe(networking);
  });

  test.each([
    ['lan', '--net: network "lan" is not configured'],
    ['host,default', '--net: "host" cannot be combined with other networks'],
    ['default,none', '--net: "none" cannot be combined with other networks'],
  ])('%j is refused', (text, message) => {
    expect(() => parseNetworking(text, '--net')).toThrow(expect.objectContaining({ message, code: 'ENETWORK' }));
  });
});

test('pods on a private network are registered unless told otherwise', () => {
  expect(wantsRegistration('default', undefined)).toBe(true);
  expect(wantsRegistration('default-restricted', undefined)).toBe(true);
  expect(wantsRegistration('default', false)).toBe(false);
  expect(wantsRegistration('host', undefined)).toBe(false);
  expect(wantsRegistration('host', true)).toBe(true);
  expect(wantsRegistration('none', undefined)).toBe(false);
  expect(() => wantsRegistration('none', true)).toThrow(
    '--mds-register: a pod without a network cannot reach the metadata service',
  );
});
