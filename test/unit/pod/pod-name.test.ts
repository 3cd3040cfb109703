import { describe, expect, test } from '@jest/globals';
import { checkPodName, parsePodName } from '../../../runtime/pod/pod-name.ts';

describe('names of pods', () => {
  test.each(['web', 'a', '9', 'db', 'cafe', 'Web_1.test-2', 'deadbee', 'deadbeefs', 'x'.repeat(63)])(
    '%s is one',
    (name) => {
      expect(checkPodName(name)).toBeUndefined();
      expect(parsePodName(name)).toBe(name);
    },
  );

  test.each(['', '.x', '-x', 'a/b', '..', 'ä', 'a b', 'x'.repeat(64), 'a\n'])('%j is none', (name) => {
    expect(checkPodName(name)).toBe(
      'must have 1 to 63 letters, digits, dots, dashes and underscores, and begin with a letter or digit',
    );
  });

  test.each(['deadbeef', '1c3e2fd0-', 'CAFEBABE', '1c3e2fd0-9e03-480d-b705-5928af396cc5', '12345678-x'])(
    '%s could be taken for a UUID',
    (name) => {
      expect(() => parsePodName(name)).toThrow(
        `--pod-name "${name}": the name could be taken for the beginning of a UUID`,
      );
    },
  );
});
