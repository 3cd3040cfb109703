/** Small rules about times, headers and URLs. */

import { describe, expect, test } from '@jest/globals';
import { showReference } from '../../../runtime/image/fetch/from-name.ts';
import { conditions, isFresh, maxAgeOf, remoteOf } from '../../../runtime/image/fetch/remotes.ts';
import { signatureUrl } from '../../../runtime/image/fetch/signature.ts';
import { delayBefore, retryAfter } from '../../../runtime/image/http/backoff.ts';
import { parseContentRange, validatorOf } from '../../../runtime/image/http/download.ts';

describe('waiting', () => {
  const retries = { attempts: 9, delay: 100, maxDelay: 1000 };

  test.each([
    [1, 50, 100],
    [2, 100, 200],
    [4, 400, 800],
    [9, 500, 1000],
  ])('before repetition %i is between %i and %i ms', (attempt, low, high) => {
    for (let i = 0; i < 50; i++) {
      const delay = delayBefore(attempt, retries, undefined);
      expect(delay).toBeGreaterThanOrEqual(low);
      expect(delay).toBeLessThanOrEqual(high);
    }
  });

  test('is as long as the server asks for, but not for ever', () => {
    expect(delayBefore(1, retries, 700)).toBe(700);
    expect(delayBefore(1, retries, 3_600_000)).toBe(1000);
  });

  test.each([
    [undefined, undefined],
    ['5', 5000],
    ['Thu, 01 Jan 1970 00:00:10 GMT', 9000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['soon', undefined],
  ])('Retry-After %p', (text, milliseconds) => {
    expect(retryAfter(text === undefined ? {} : { 'retry-after': text }, 1000)).toBe(milliseconds);
  });
});

describe('parts of files', () => {
  test.each([
    ['bytes 100-199/200', { start: 100, total: 200 }],
    ['bytes 100-199/*', { start: 100, total: undefined }],
    ['bytes */200', undefined],
    ['items 1-2/3', undefined],
    [undefined, undefined],
  ])('%p', (text, range) => {
    expect(parseContentRange(text)).toEqual(range);
  });

  const modified = 'Mon, 01 Jan 2024 00:00:00 GMT';
  test.each([
    [{ etag: '"x"', 'last-modified': modified }, '"x"'],
    [{ etag: 'W/"x"' }, undefined],
    [{ etag: 'W/"x"', 'last-modified': modified, date: 'Mon, 01 Jan 2024 00:00:01 GMT' }, modified],
    [{ 'last-modified': modified, date: modified }, undefined],
    [{ 'last-modified': modified }, undefined],
    [{}, undefined],
  ])('%j are known by %p', (headers, validator) => {
    expect(validatorOf(headers)).toBe(validator);
  });
});

describe('what is remembered of a URL', () => {
  test.each([
    [undefined, 0],
    ['max-age=600', 600],
    ['public, Max-Age="60"', 60],
    ['no-cache, max-age=600', 0],
    ['max-age=600, no-store', 0],
    ['max-age=-1', 0],
  ])('Cache-Control %p is fresh for %i s', (text, seconds) => {
    expect(maxAgeOf(text)).toBe(seconds);
  });

  test('is fresh up to its age, and never when the clock went back', () => {
    const remote = remoteOf('https://x', 'id', { 'cache-control': 'max-age=10' }, 1000);
    expect([999, 1000, 10_999, 11_000].map((now) => isFresh(remote, now))).toEqual([false, true, true, false]);
  });

  test('is asked for by ETag, or by date', () => {
    const remote = remoteOf('https://x', 'id', { etag: 'W/"1"', 'last-modified': 'then' }, 0);
    expect(conditions(remote)).toEqual({ 'if-none-match': 'W/"1"' });
    expect(conditions({ ...remote, etag: undefined })).toEqual({ 'if-modified-since': 'then' });
    expect(conditions({ ...remote, etag: undefined, lastModified: undefined })).toEqual({});
  });
});

test.each([
  ['https://x/app.aci', 'https://x/app.aci.asc'],
  ['https://x/app', 'https://x/app.aci.asc'],
  ['https://x/app.aci?a=b', 'https://x/app.aci.asc?a=b'],
])('the signature of %s is at %s', (aci, signature) => {
  expect(signatureUrl(aci)).toBe(signature);
});

test('a reference is shown as people write it', () => {
  const labels = [
    { name: 'os', value: 'linux' },
    { name: 'version', value: 'v1' },
  ];
  expect(showReference({ name: 'example.com/app', labels })).toBe('example.com/app:v1,os=linux');
  expect(showReference({ name: 'example.com/app', labels: [] })).toBe('example.com/app');
});
