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

  test('a chain of causes that loops is printed once', () => {
    const a = new Error('a');
    const b = new Error('b', { cause: a });
    a.cause = b;
    expect(causesOf(a)).toEqual(['a', 'b']);
  });
});
