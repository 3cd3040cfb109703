import { describe, expect, test } from '@jest/globals';
import { checkDate } from '../../../runtime/appc/date.ts';
import { checkImageId, isFullImageId, shortImageId } from '../../../runtime/appc/image-id.ts';
import { parseQuantity, wholeUnits } from '../../../runtime/appc/quantity.ts';
import { parseUuid } from '../../../runtime/appc/uuid.ts';
import { checkACVersion, parseSemVer } from '../../../runtime/appc/version.ts';
import { someId } from './helpers.ts';

describe('AC Version', () => {
  test('has the parts of semantic versioning', () =>
    expect(parseSemVer('0.8.11-rc.1+git')).toEqual({
      major: 0,
      minor: 8,
      patch: 11,
      preRelease: 'rc.1',
      metadata: 'git',
    }));

  test.each(['0.8.11', '0.1.0', '0.5.1+git', '0.99.0'])('takes %j', (text) =>
    expect(checkACVersion(text)).toBeUndefined(),
  );

  test.each(['', '1', '0.8', '0.8.x', 'v0.8.11', '0.08.1', '0.8.11-', '0.8.11.1', '0.8.11-01'])('refuses %j', (text) =>
    expect(checkACVersion(text)).toBe('must be a semantic version such as "0.8.11"'),
  );

  test('refuses other major versions and zero', () => {
    expect(checkACVersion('1.0.0')).toBe('must have the major version of the App Container specification 0.8.11');
    expect(checkACVersion('0.0.0')).toBe('must not be the zero version');
  });
});

describe('image id', () => {
  test('full and abbreviated', () => {
    expect(checkImageId(someId)).toBeUndefined();
    expect(checkImageId('sha512-06')).toBeUndefined();
    expect(isFullImageId(someId)).toBe(true);
    expect(isFullImageId(someId.slice(0, -1))).toBe(false);
    expect(shortImageId(someId)).toBe('sha512-0123456789abcdef0123456789abcdef');
  });

  test.each([
    ['abcdef', 'must be an image id such as "sha512-06c733b1"'],
    ['sha1-abcdef', 'must name the hash "sha512", not "sha1"'],
    ['-abcdef', 'must name the hash "sha512", not ""'],
    ['sha512-', 'must have at least 2 hex digits'],
    ['sha512-ABCD', 'must have lower-case hex digits after "sha512-"'],
    ['sha512-../../etc', 'must have lower-case hex digits after "sha512-"'],
    [`${someId}0`, 'must have at most 128 hex digits'],
  ])('refuses %j', (text, reason) => expect(checkImageId(text)).toBe(reason));
});

describe('quantity', () => {
  test.each([
    ['0', 0n],
    ['128974848', 128974848000n],
    ['125952Ki', 128974848000n],
    ['123Mi', 128974848000n],
    ['0.3', 300n],
    ['300m', 300n],
    ['.5', 500n],
    ['1.', 1000n],
    ['+1', 1000n],
    ['1K', 1000000n],
    ['1k', 1000000n],
    ['2M', 2000000000n],
    ['8E', 8n * 10n ** 21n],
    ['8Ei', 8n * 2n ** 60n * 1000n],
    ['1e3', 1000000n],
    ['12E6', 12n * 10n ** 9n],
    ['1.5Gi', 3n * 2n ** 29n * 1000n],
    ['1000000n', 1n],
  ])('%j is %s thousandths', (text, amount) => expect(parseQuantity(text)).toBe(amount));

  test.each(['', '.', 'm', '1 G', '1GB', '-1', '0x10', '1e', '1ki', 'NaN', '1,5', `${'9'.repeat(50)}`])(
    'refuses %j',
    (text) =>
      expect(parseQuantity(text)).toEqual({ reason: 'must be an amount such as "250m", "0.5", "128M" or "2Gi"' }),
  );

  test('refuses what it would have to round', () => {
    expect(parseQuantity('0.0001')).toEqual({ reason: 'must not be finer than a thousandth' });
    expect(parseQuantity('1u')).toEqual({ reason: 'must not be finer than a thousandth' });
  });

  test('rounds up to whole units', () => {
    expect(wholeUnits(1n)).toBe(1n);
    expect(wholeUnits(1000n)).toBe(1n);
    expect(wholeUnits(1001n)).toBe(2n);
  });
});

describe('timestamp', () => {
  test.each([
    '2014-10-27T19:32:27.67021798Z',
    '2015-05-18T13:49:28.351729952-04:00',
    '2016-02-29T00:00:00Z',
    '2016-12-31T23:59:60Z',
  ])('takes %j', (text) => expect(checkDate(text)).toBeUndefined());

  test.each([
    '',
    '2015-05-18 13:49:28Z',
    '2015-05-18',
    '2015-02-29T00:00:00Z',
    '2015-13-01T00:00:00Z',
    '2015-01-01T24:00:00Z',
    '2015-01-01T00:00:00',
  ])('refuses %j', (text) =>
    expect(checkDate(text)).toBe('must be an RFC 3339 timestamp such as "2014-10-27T19:32:27Z"'),
  );
});

describe('uuid', () => {
  test.each(['6733C088-A507-4694-AABF-EDBE4FC5266F', '6733C088A5074694AABFEDBE4FC5266F'])('%j is read', (text) =>
    expect(parseUuid(text)).toBe('6733c088-a507-4694-aabf-edbe4fc5266f'),
  );

  test.each(['', 'asdf', '6733C088A5074694AABFEDBE4FC5266', '6733C088-A507-4694-AABF-EDBE4FC5266G', '../../etc'])(
    '%j is none',
    (text) => expect(parseUuid(text)).toBeUndefined(),
  );
});
