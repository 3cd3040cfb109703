/** Users and groups of hostile images: nobody becomes root by accident (CVE-2024-40635), and nothing is read without bound. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { Sandbox } from '../../support/sandbox.ts';

// Images are made and pods started while other tests do the same.
jest.setTimeout(60_000);

let host: Sandbox;
const image = 'example.com/hostile';

beforeAll(async () => {
  host = await Sandbox.create();
  const lines = [
    'huge:x:4294967296:4294967296::/:',
    'wraps:x:18446744073709551616:0::/:',
    'minus:x:-1:-1::/:',
    'none:x:::::',
    'short',
    '1000:x:0:0::/:',
    'hex:x:0x0:0x0::/:',
  ];
  const file = (name: string): string => join(host.dir, `${name}.aci`);
  await makeImage({
    name: image,
    exec: ['/bin/id', '-u'],
    output: file('hostile'),
    prepare: (rootfs) => {
      writeFileSync(join(rootfs, 'etc', 'passwd'), `${lines.join('\n')}\n`);
      writeFileSync(join(rootfs, 'etc', 'group'), 'huge:x:4294967296:\nminus:x:-1:\n1000:x:0:\n');
    },
  });
  await makeImage({
    name: 'example.com/large',
    exec: ['/bin/id', '-u'],
    output: file('large'),
    app: { user: 'somebody', group: '0' },
    prepare: (rootfs) => writeFileSync(join(rootfs, 'etc', 'passwd'), 'x:x:1:1::/:\n'.repeat(100_000)),
  });
  host.ok(['-insecure-skip-verify', 'fetch', file('hostile'), file('large')]);
});

afterEach(() => {
  expect(host.uuids()).toEqual([]);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

const range = 'a number from 0 to 4294967294';
const unknown = (database: string): string => `it is not in the image's /etc/${database}, and is not ${range}`;
const noId = (database: string): string => `its id in the image's /etc/${database} is not ${range}`;

test.each([
  ['user', 'huge', noId('passwd')],
  ['user', 'wraps', noId('passwd')],
  ['user', 'minus', noId('passwd')],
  ['user', 'none', noId('passwd')],
  ['user', 'short', noId('passwd')],
  ['user', 'hex', noId('passwd')],
  ['user', '1000', "it is a number, but in the image's /etc/passwd a name of 0"],
  ['user', '4294967295', unknown('passwd')],
  ['user', '4294967296', unknown('passwd')],
  ['user', '-1', unknown('passwd')],
  ['user', '1000:0', unknown('passwd')],
  ['user', 'root', unknown('passwd')],
  ['group', 'huge', noId('group')],
  ['group', 'minus', noId('group')],
  ['group', '1000', "it is a number, but in the image's /etc/group a name of 0"],
  ['group', '18446744073709551616', unknown('group')],
])('%s %s is refused', (what, name, reason) => {
  const { status, stdout, stderr } = host.rkt(['run', image, `--${what}=${name}`]);
  expect([status, stdout, stderr]).toEqual([
    254,
    '',
    `rkt: app "hostile": image ${image}: ${what} ${JSON.stringify(name)}: ${reason}\n`,
  ]);
});

test('a huge /etc/passwd is refused', () => {
  const { status, stderr } = host.rkt(['run', 'example.com/large']);
  expect([status, stderr]).toEqual([
    254,
    'rkt: app "large": image example.com/large: /etc/passwd has 1200000 bytes, more than the 1048576 allowed\n',
  ]);
});
