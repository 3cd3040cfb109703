import { openSync, readdirSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { causesOf, errnoOf, isRktError, messageOf, RktError } from '../../../runtime/base/errors.ts';

describe('RktError', () => {
  test('is known by its brand, not by its class, so that bundles can share it', () => {
    const foreign = Object.assign(new Error('x'), { [Symbol.for('rkt.error')]: true });
    expect(isRktError(new RktError('x'))).toBe(true);
    expect(isRktError(foreign)).toBe(true);
    expect(isRktError(new Error('x'))).toBe(false);
    expect(isRktError(null)).toBe(false);
  });

  test('keeps code, hint and cause', () => {
    const cause = Object.assign(new Error('no such file'), { code: 'ENOENT' });
    const error = new RktError('reading x', { code: 'EIMAGE', hint: 'fetch it first', cause });
    expect([error.code, error.hint, error.cause]).toEqual(['EIMAGE', 'fetch it first', cause]);
    expect(causesOf(error)).toEqual(['reading x', 'no such file']);
    expect(errnoOf(cause)).toBe('ENOENT');
    expect(messageOf('plain')).toBe('plain');
  });

  test('a system error is said in words, and to those who debug as it is', () => {
    const failed = (work: () => unknown): unknown => {
      try {
        return work();
      } catch (error) {
        return error;
      }
    };
    const open = failed(() => readFileSync('/no/such'));
    expect(messageOf(open)).toBe('cannot open /no/such: no such file or directory');
    expect(messageOf(failed(() => readdirSync('/dev/null')))).toBe('cannot read /dev/null: not a directory');
    expect(messageOf(failed(() => renameSync('/no/a', '/no/b')))).toBe(
      'cannot rename /no/a: no such file or directory',
    );
    expect(messageOf(failed(() => writeSync(openSync('/dev/full', 'w'), 'x')))).toBe(
      'cannot write: no space left on device',
    );
    expect(causesOf(new RktError('x', { cause: open }))).toEqual([
      'x',
      "ENOENT: no such file or directory, open '/no/such'",
    ]);
  });

  test('a chain of causes that loops is printed once', () => {
    const a = new Error('a');
    const b = new Error('b', { cause: a });
    a.cause = b;
    expect(causesOf(a)).toEqual(['a', 'b']);
  });
});
