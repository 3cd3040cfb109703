/** Open descriptors of the host that an app could reach (CVE-2024-21626): by /proc/self/fd, or as its working directory. */

import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { rktPath, Sandbox } from '../../support/sandbox.ts';

// Images are made and pods started while other tests do the same.
jest.setTimeout(60_000);

let host: Sandbox;
const directories = ['/proc/self/fd/7', '/proc/1/cwd', '/proc/1/root', '/proc'];
const image = (index: number): string => `example.com/in-proc-${index}`;

beforeAll(async () => {
  host = await Sandbox.create();
  for (const [index, workingDirectory] of directories.entries()) {
    const output = join(host.dir, 'image.aci');
    await makeImage({ name: image(index), exec: ['/bin/ls'], output, app: { workingDirectory } });
    host.ok(['-insecure-skip-verify', 'fetch', output]);
  }
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

test.each(directories.map((directory, index) => [directory, index] as const))(
  'an image whose working directory is %s does not run',
  (directory, index) => {
    const { status, stdout, stderr } = host.rkt(['run', image(index)]);
    expect([status, stdout]).toEqual([254, '']);
    expect(stderr).toMatch(
      new RegExp(
        `^rkt: app "in-proc-${index}": entering the working directory ${directory}: ` +
          '(it lies in /proc|it is outside the root filesystem|No such file or directory|Not a directory|Permission denied)\n$',
      ),
    );
  },
);

test.each(['/proc/self/fd/5', '/proc/self', '/proc/self/task'])('nor with --working-dir=%s', (directory) => {
  const { status, stdout, stderr } = host.rkt(['run', image(3), `--working-dir=${directory}`]);
  expect([status, stdout]).toEqual([254, '']);
  expect(stderr).toContain(`entering the working directory ${directory}: `);
});

test.each(['/proc/self/cwd', '/proc/thread-self/root'])(
  '%s leads to the root of the app and no further',
  (directory) => {
    const args = ['run', image(3), `--working-dir=${directory}`, '--exec=/bin/sh', '--', '-c', 'pwd -P; ls ..'];
    expect(host.ok(args)).toBe('/\nbin\ndev\netc\nproc\nsys\ntmp\nusr\n');
  },
);

test('descriptors that rkt was started with do not reach the app', () => {
  const secret = openSync(host.dir, 'r');
  const args = ['run', image(0), '--working-dir=/', '--exec=/bin/ls', '--', '/proc/self/fd'];
  const command = ['--net', `--mount`, '-t', host.netns.split('/')[2] as string, rktPath, ...args];
  const { stdout, status } = spawnSync('nsenter', command, {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, RKT_DIR: host.dataDir },
    stdio: ['ignore', 'pipe', 'pipe', secret, secret, 'pipe', secret],
  });
  // Three streams, and the descriptor of the listing itself.
  expect([status, stdout]).toEqual([0, '0\n1\n2\n3\n']);
});
