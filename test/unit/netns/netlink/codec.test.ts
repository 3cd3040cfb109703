import { describe, expect, test } from '@jest/globals';
import {
  attribute,
  MalformedNetlinkError,
  message,
  nested,
  numberOf,
  outcomeOf,
  parseAttributes,
  parseMessages,
  string,
  textOf,
  u32,
  u32be,
} from '../../../../netns/netlink/codec.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

describe('encoding', () => {
  test('attributes are padded to 4 bytes, which their length does not count', () => {
    expect(attribute(3, Buffer.from([1, 2, 3, 4, 5]))).toEqual(hex('0900 0300 0102030405 000000'));
    expect(string(3, 'lo')).toEqual(hex('0700 0300 6c6f00 00'));
    expect(u32(4, 1500)).toEqual(hex('0800 0400 dc050000'));
    expect(u32be(2, -300)).toEqual(hex('0800 0200 fffffed4'));
    expect(nested(18, [u32(1, 1)], Buffer.from([9, 9, 9, 9]))).toEqual(hex('1000 1280 09090909 0800 0100 01000000'));
  });

  test('an attribute that does not fit its length field is refused', () => {
    expect(() => attribute(1, Buffer.alloc(65532))).toThrow(new RangeError('netlink attribute 1 of 65532 bytes'));
  });

  test('a message has its length, type, flags and number before its body', () => {
    expect(message(18, 0x305, 7, [hex('aabb'), hex('cc')])).toEqual(
      hex('13000000 1200 0503 07000000 00000000 aabbcc 00'),
    );
  });
});

describe('decoding', () => {
  test('takes several messages of one datagram apart', () => {
    const datagram = Buffer.concat([message(16, 2, 1, [hex('01')]), message(3, 2, 1, [hex('00000000')])]);
    expect(parseMessages(datagram)).toEqual([
      { type: 16, flags: 2, sequence: 1, payload: hex('01') },
      { type: 3, flags: 2, sequence: 1, payload: hex('00000000') },
    ]);
  });

  test.each([
    ['a header that is cut short', hex('1000'), '2 bytes where a header is expected'],
    ['a length below that of a header', hex('0f000000 0000 0000 00000000 00000000'), 'length 15, 16 bytes left'],
    ['a length past the end', hex('11000000 0000 0000 00000000 00000000'), 'length 17, 16 bytes left'],
  ])('refuses %s', (_, datagram, reason) => {
    expect(() => parseMessages(datagram)).toThrow(new MalformedNetlinkError(reason));
  });

  test.each([
    ['an attribute header that is cut short', hex('0400 0100 08'), '1 bytes where an attribute is expected'],
    ['a length below that of a header', hex('0300 0100'), 'attribute 1 of length 3, 4 bytes left'],
    ['a length past the end', hex('0900 0100 01020304'), 'attribute 1 of length 9, 8 bytes left'],
  ])('refuses %s in attributes', (_, data, reason) => {
    expect(() => parseAttributes(data)).toThrow(new MalformedNetlinkError(reason));
  });

  test('finds attributes by type whether marked as nested or not', () => {
    const attributes = parseAttributes(Buffer.concat([string(3, 'eth0'), nested(18, [u32(1, 7)])]));
    expect(textOf(attributes.get(3) ?? Buffer.alloc(0))).toBe('eth0');
    const inner = parseAttributes(attributes.get(18) ?? Buffer.alloc(0)).get(1);
    expect(numberOf(inner ?? Buffer.alloc(0))).toBe(7);
    expect(() => numberOf(hex('0102'))).toThrow(new MalformedNetlinkError('a number of 2 bytes'));
  });
});

describe('outcomes', () => {
  const header = (length: number): Buffer => message(18, 5, 1, [Buffer.alloc(length - 16)]);

  test('success, and messages that end nothing', () => {
    const success = { type: 2, flags: 0x100, sequence: 1, payload: Buffer.concat([hex('00000000'), header(16)]) };
    expect(outcomeOf(success)).toEqual({ errno: 0, explanation: undefined });
    expect(outcomeOf({ ...success, type: 16 })).toBeUndefined();
    expect(outcomeOf({ ...success, type: 3, payload: Buffer.alloc(0) })).toEqual({ errno: 0, explanation: undefined });
  });

  test('an error with the words of the kernel, after the request or its header alone', () => {
    const words = string(1, 'Unknown device type');
    const expected = { errno: 95, explanation: 'Unknown device type' };
    const whole = Buffer.concat([hex('a1ffffff'), header(32), words]);
    const capped = Buffer.concat([hex('a1ffffff'), header(32).subarray(0, 16), words]);
    expect(outcomeOf({ type: 2, flags: 0x200, sequence: 1, payload: whole })).toEqual(expected);
    expect(outcomeOf({ type: 2, flags: 0x300, sequence: 1, payload: capped })).toEqual(expected);
    const done = Buffer.concat([hex('a1ffffff'), words]);
    expect(outcomeOf({ type: 3, flags: 0x202, sequence: 1, payload: done })).toEqual(expected);
  });

  test.each([
    ['shorter than an errno', hex('0000'), 'an error of 2 bytes'],
    ['without the request', hex('a1ffffff'), 'an error of 4 bytes'],
    [
      'with a request longer than itself',
      Buffer.concat([hex('a1ffffff'), header(64).subarray(0, 16)]),
      'an error shorter than the request it repeats',
    ],
  ])('an error %s is refused', (_, payload, reason) => {
    expect(() => outcomeOf({ type: 2, flags: 0x200, sequence: 1, payload })).toThrow(new MalformedNetlinkError(reason));
  });
});
