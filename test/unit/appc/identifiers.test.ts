import { describe, expect, test } from '@jest/globals';
import { appNameOfImage, checkACIdentifier, checkACName, sanitizeACName } from '../../../runtime/appc/identifiers.ts';
import { errorOf } from './helpers.ts';

const identifierRule = 'must consist of lower-case letters, digits and "-._~/", with a letter or digit at both ends';
const nameRule = 'must consist of lower-case letters, digits and "-", with a letter or digit at both ends';

describe('AC Identifier', () => {
  test.each([
    'asdf',
    'foo-bar-baz',
    'zab_rab_oof',
    'my~database',
    'example.com/database',
    'example.com/~bob/database',
    'example.com/ourapp-1.0.0',
    'sub-domain.example.com/org/product/~alice/release-1.0.0',
  ])('takes %j', (text) => expect(checkACIdentifier(text)).toBeUndefined());

  test.each([
    'BAR',
    'foo#',
    'foo.com/BAR',
    '/app',
    'app/',
    '-app',
    'app-',
    '.app',
    'app.',
    '_app',
    'app_',
    '~app',
    'app~',
  ])('refuses %j', (text) => expect(checkACIdentifier(text)).toBe(identifierRule));

  test('refuses the empty string', () => expect(checkACIdentifier('')).toBe('must not be empty'));

  // Time that grows with the square of the length would be minutes at least.
  test('judges a long hostile string in linear time', () => {
    expect(checkACIdentifier(`${'a.'.repeat(500_000)}#`)).toBe(identifierRule);
  });
});

describe('AC Name', () => {
  test.each(['asdf', 'foo-bar-baz', 'database', '0'])('takes %j', (text) => expect(checkACName(text)).toBeUndefined());

  test.each(['foo#', 'example.com', 'EXAMPLE', 'example/database', 'app_1', '/app', 'app/', '-app', 'app-', '.app'])(
    'refuses %j',
    (text) => expect(checkACName(text)).toBe(nameRule),
  );
});

describe('conversion to an AC Name', () => {
  test.each([
    ['foo#', 'foo'],
    ['EXAMPLE.com', 'example-com'],
    ['foo.com/BAR', 'foo-com-bar'],
    ['example.com/app_1', 'example-com-app-1'],
    ['-/.app..', 'app'],
    ['-/app.name-test/-/', 'app-name-test'],
    ['sub-domain.example.com/org/product/release-1.0.0', 'sub-domain-example-com-org-product-release-1-0-0'],
  ])('of %j is %j', (text, name) => expect(sanitizeACName(text)).toBe(name));

  test.each(['__', '..', '//', '', './/-'])('of %j is impossible', (text) =>
    expect(errorOf(() => sanitizeACName(text))).toBe(
      `EARGUMENT: cannot make an app name of ${JSON.stringify(text)}: it has no letter and no digit`,
    ),
  );

  test.each([
    ['example.com/reduce-worker', 'reduce-worker'],
    ['example.com/~user/app_v1', 'app-v1'],
    ['busybox', 'busybox'],
  ])('an app from %j is called %j', (image, app) => expect(appNameOfImage(image)).toBe(app));
});
