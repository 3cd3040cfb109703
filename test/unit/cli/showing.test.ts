import { describe, expect, test } from '@jest/globals';
import { bytes, cpuTime, percent } from '../../../cli/amount.ts';
import { fitted } from '../../../cli/live-view.ts';
import { printable } from '../../../cli/printable.ts';

describe('amounts', () => {
  test.each([
    [0, '0B'],
    [999, '999B'],
    [1000, '0.98KiB'],
    [1536, '1.50KiB'],
    [64_000_000, '61.0MiB'],
    [5 * 2 ** 40, '5.00TiB'],
  ])('%i bytes are %s', (value, text) => {
    expect(bytes(value)).toBe(text);
  });

  test.each([
    [0, '00:00'],
    [59.9, '00:59'],
    [3600 + 62, '1:01:02'],
  ])('%f seconds are %s', (value, text) => {
    expect(cpuTime(value)).toBe(text);
  });

  test('percents have one digit and are never negative', () => {
    expect([percent(12.345), percent(-1)]).toEqual(['12.3%', '0.0%']);
  });
});

describe('text of others', () => {
  test.each([
    ['/bin/sh -c "x"', '/bin/sh -c "x"'],
    ['a\x1b[2Jb\nc\r\x07', 'a\\x1b[2Jb\\x0ac\\x0d\\x07'],
    ['\x9b31m', '\\x9b31m'],
    ['user\u202egpj.exe', 'user\\u202egpj.exe'],
    ['zero\u200bwidth', 'zero\\u200bwidth'],
    ['naïve 日本 🙂', 'naïve 日本 🙂'],
    ['half \ud800', 'half \ufffd'],
  ])('%j is shown without doing anything to a terminal', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });
});

test('a picture is cut to the terminal', () => {
  expect(fitted('abcdef\nsecond\nthird\n', 4, 3)).toBe('abcd\nseco');
});
