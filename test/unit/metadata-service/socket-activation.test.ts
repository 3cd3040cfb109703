import { closeSync, openSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { registrationFd, takeListenFds } from '../../../metadata-service/socket-activation.ts';

describe('takeListenFds', () => {
  test('finds nothing without the variables, or where they are for another process', () => {
    expect(takeListenFds({}, 7)).toEqual([]);
    const env = { LISTEN_PID: '8', LISTEN_FDS: '1', LISTEN_FDNAMES: 'x', HOME: '/' };
    expect(takeListenFds(env, 7)).toEqual([]);
    expect(env).toEqual({ HOME: '/' });
  });

  test('refuses a count that is none', () => {
    expect(() => takeListenFds({ LISTEN_PID: '7', LISTEN_FDS: '-1' }, 7)).toThrow(
      expect.objectContaining({
        code: 'EACTIVATION',
        message: expect.stringContaining('LISTEN_FDS is "-1", not a number'),
      }),
    );
  });

  test('refuses descriptors that are no sockets', () => {
    const fd = openSync('/dev/null', 'r');
    try {
      expect(() => takeListenFds({ LISTEN_PID: '7', LISTEN_FDS: String(fd - 2) }, 7)).toThrow(
        expect.objectContaining({
          code: 'EACTIVATION',
          message: expect.stringMatching(/descriptor \d+ (is not a socket|was announced)/),
        }),
      );
    } finally {
      closeSync(fd);
    }
  });
});

describe('registrationFd', () => {
  test('takes one socket and no more', () => {
    expect(registrationFd([])).toBeUndefined();
    expect(registrationFd([3])).toBe(3);
    expect(() => registrationFd([3, 4])).toThrow('2 sockets were passed, but the service takes one');
  });
});
