import { describe, expect, test } from '@jest/globals';
import { EscapeDetector } from '../../../runtime/pod/attach/escape.ts';
import { endpointsOf, parseMode } from '../../../runtime/pod/attach/mode.ts';

describe('--mode', () => {
  test.each([
    ['auto', 'auto'],
    ['list', 'list'],
    ['stdin,stdout', ['stdin', 'stdout']],
    ['stderr', ['stderr']],
    ['tty', ['tty-in', 'tty-out']],
    ['tty-out', ['tty-out']],
    ['stdout,stdout', ['stdout']],
  ])('%s', (text, mode) => {
    expect(parseMode(text)).toEqual(mode);
  });

  test.each([
    ['', '--mode: unknown endpoint ""'],
    ['stdin,stdot', '--mode: unknown endpoint "stdot"'],
    ['auto,stdin', '--mode: unknown endpoint "auto"'],
    ['tty-in,stdout', '--mode=tty-in,stdout: a terminal and other streams cannot be attached to at once'],
  ])('not "%s"', (text, message) => {
    expect(() => parseMode(text)).toThrow(expect.objectContaining({ code: 'EUSAGE', message }));
  });

  test('an app has an endpoint for every direction of its sockets, in one order', () => {
    expect(endpointsOf(['tty', 'stdout', 'stdin'])).toEqual(['stdin', 'stdout', 'tty-in', 'tty-out']);
    expect(endpointsOf([])).toEqual([]);
  });
});

describe('the way out of a terminal', () => {
  const typed = (...keys: [string, number][]): boolean[] => {
    const detector = new EscapeDetector();
    return keys.map(([text, now]) => detector.isTyped(Buffer.from(text), now));
  };

  test('is ^] three times within a second, together or one by one', () => {
    expect(typed(['\x1d\x1d\x1d', 0])).toEqual([true]);
    expect(typed(['\x1d', 0], ['\x1d', 500], ['\x1d', 1000])).toEqual([false, false, true]);
  });

  test('is not slower, nor with something in between', () => {
    expect(typed(['\x1d', 0], ['\x1d', 600], ['\x1d', 1100], ['\x1d', 1500])).toEqual([false, false, false, true]);
    expect(typed(['\x1d\x1dx\x1d', 0])).toEqual([false]);
  });
});
