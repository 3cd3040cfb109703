import { expect, test } from '@jest/globals';
import { parseChallenges } from '../../../runtime/image/docker/challenge.ts';

test.each([
  ['Basic realm="x"', [{ scheme: 'basic', parameters: { realm: 'x' } }]],
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="a:b:pull,push"',
    [
      {
        scheme: 'bearer',
        parameters: { realm: 'https://auth.docker.io/token', service: 'registry.docker.io', scope: 'a:b:pull,push' },
      },
    ],
  ],
  [
    'Negotiate, BASIC Realm = "with \\"quotes\\" and, comma" , Bearer realm=plain',
    [
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'basic', parameters: { realm: 'with "quotes" and, comma' } },
      { scheme: 'bearer', parameters: { realm: 'plain' } },
    ],
  ],
  [
    'Negotiate YII+/w==, NTLM abc= , Bearer realm="r"',
    [
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'ntlm', parameters: {} },
      { scheme: 'bearer', parameters: { realm: 'r' } },
    ],
  ],
  ['', []],
  ['"', []],
  ['Bearer realm="unfinished', [{ scheme: 'bearer', parameters: {} }]],
  [`Bearer realm="${'x'.repeat(9000)}"`, []],
])('%j', (header, challenges) => {
  expect(parseChallenges(header).slice(0, 3)).toEqual(challenges);
});
