import { describe, expect, test } from '@jest/globals';
import { formatPaxRecord, parsePax, parsePaxTime } from '../../../runtime/image/pax.ts';

const text = (records: Map<string, Buffer>) =>
  Object.fromEntries([...records].map(([key, value]) => [key, value.toString()]));

describe('records', () => {
  test.each([0, 1, 3, 4, 5, 88, 89, 90, 91, 987, 988, 989, 990, 991, 9985, 9986])(
    'a value of %d bytes comes back',
    (length) => {
      const value = Buffer.alloc(length, 0x61);
      const record = formatPaxRecord('SCHILY.xattr.user.x', value);
      expect(Number(record.toString().split(' ')[0])).toBe(record.length);
      expect(parsePax(record).get('SCHILY.xattr.user.x')).toEqual(value);
    },
  );

  test('values are bytes: newline, "=" and what is no UTF-8 are kept', () => {
    const value = Buffer.from([0xff, 0x0a, 0x3d, 0x00]);
    const block = Buffer.concat([formatPaxRecord('path', value), formatPaxRecord('uid', '5')]);
    expect(parsePax(block)).toEqual(
      new Map([
        ['path', value],
        ['uid', Buffer.from('5')],
      ]),
    );
  });

  test('later ones win, empty ones take away', () => {
    const base = parsePax(Buffer.from('9 uid=12\n9 gid=34\n'));
    expect(text(parsePax(Buffer.from('9 uid=56\n7 gid=\n'), base))).toEqual({ uid: '56' });
  });

  test.each([
    'x',
    '9 uid=12',
    '99 uid=12\n',
    '0 uid=12\n',
    '-9 uid=12\n',
    '8 uid=12\n',
    '4 a\n\n',
    '3 \n',
    ' uid=1\n',
    '7 uid12\n',
  ])('damaged: %j', (block) => expect(() => parsePax(Buffer.from(block))).toThrow('it has a damaged extended header'));
});

describe('times', () => {
  test.each([
    ['0', { sec: 0, nsec: 0 }],
    ['1350244992.023960108', { sec: 1350244992, nsec: 23960108 }],
    ['1.5', { sec: 1, nsec: 500000000 }],
    ['1.', { sec: 1, nsec: 0 }],
    ['1.0000000019', { sec: 1, nsec: 1 }],
    ['-1', { sec: -1, nsec: 0 }],
    ['-0.25', { sec: -1, nsec: 750000000 }],
    ['-1.5', { sec: -2, nsec: 500000000 }],
  ])('%s', (time, parsed) => expect(parsePaxTime(time)).toEqual(parsed));

  test.each(['', '.5', '1e3', 'x', '--1', '1,5', '99999999999999999'])('%j is none', (time) =>
    expect(parsePaxTime(time)).toBeUndefined(),
  );
});
