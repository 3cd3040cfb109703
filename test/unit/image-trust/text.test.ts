import { describe, expect, test } from '@jest/globals';
import { groupedFingerprint, isFingerprint, printable, quoted } from '../../../runtime/image/trust/text.ts';

describe('fingerprints', () => {
  test('are grouped as GnuPG prints them', () => {
    expect(groupedFingerprint('8b86de38890ddb7291867b025210bd8888182190')).toBe(
      '8B86 DE38 890D DB72 9186  7B02 5210 BD88 8818 2190',
    );
  });

  test('name files in lower case, whole', () => {
    expect(isFingerprint('8b86de38890ddb7291867b025210bd8888182190')).toBe(true);
    expect(isFingerprint('0'.repeat(64))).toBe(true);
    expect(isFingerprint('8B86DE38890DDB7291867B025210BD8888182190')).toBe(false);
    expect(isFingerprint('5210bd8888182190')).toBe(false);
  });
});

describe('what keys say about themselves', () => {
  test.each([
    ['Zoë Übel <zoe@example.com>', 'Zoë Übel <zoe@example.com>'],
    ['a\u001b[2Jb', 'a\ufffd[2Jb'],
    ['two\nlines', 'two\ufffdlines'],
    ['moc.elpmaxe\u202e', 'moc.elpmaxe\ufffd'],
  ])('%j', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test('is cut where it is long', () => {
    expect(printable('x'.repeat(1000))).toBe(`${'x'.repeat(199)}…`);
  });

  test('quotes stay inside quotes', () => {
    expect(quoted('a"b\\c')).toBe('"a\\"b\\\\c"');
  });
});
