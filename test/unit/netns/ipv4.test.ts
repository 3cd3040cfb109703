import { expect, test } from '@jest/globals';
import { ipv4Bytes, ipv4FromBytes, ipv4Number, ipv4Text } from '../../../netns/ipv4.ts';

test('addresses as numbers, bytes and text', () => {
  expect(ipv4Number('172.16.28.3')).toBe(0xac101c03);
  expect(ipv4Text(0xac101c03)).toBe('172.16.28.3');
  expect(ipv4Bytes('169.254.169.255')).toEqual(Buffer.from([169, 254, 169, 255]));
  expect(ipv4FromBytes(Buffer.from([255, 255, 255, 255]))).toBe('255.255.255.255');
  expect(ipv4Text(ipv4Number('255.0.0.1'))).toBe('255.0.0.1');
});

test.each(['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.-4', '1.2.3.4 ', '::1'])(
  '%j is no address',
  (text) => {
    expect(() => ipv4Number(text)).toThrow(new RangeError(`not an IPv4 address: ${JSON.stringify(text)}`));
  },
);

test('an address has four bytes', () => {
  expect(() => ipv4FromBytes(Buffer.alloc(16))).toThrow(new RangeError('not an IPv4 address: 16 bytes'));
});
