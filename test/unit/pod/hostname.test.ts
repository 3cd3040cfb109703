import { describe, expect, test } from '@jest/globals';
import { parseHostname } from '../../../runtime/pod/hostname.ts';

describe('host names', () => {
  test.each(['db', 'a.b-c.example', 'X1', '9', 'a'.repeat(64)])('%s', (name) => {
    expect(parseHostname(name)).toBe(name);
  });

  test.each(['', 'a'.repeat(65), 'x\n6.6.6.6 evil', '-a', 'a-', 'a..b', '.a', 'a b', 'ä', 'a\0'])(
    '%j is refused',
    (name) => {
      expect(() => parseHostname(name)).toThrow(
        expect.objectContaining({
          message: `--hostname ${JSON.stringify(name)}: not a host name`,
          hint: 'it has at most 64 letters, digits and dashes, with dots between its parts',
          code: 'EUSAGE',
        }),
      );
    },
  );
});
