/**
 * Images that replace what is mounted, masked or made read-only by symbolic links (CVE-2025-31133, CVE-2025-52565): nothing is
 * followed, and nothing that should be hidden shows.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { maskedPaths, readonlyPaths } from '../../../runtime/stage1/protected-paths.ts';
import { Sandbox } from '../../support/sandbox.ts';

// Images are made and pods started while other tests do the same.
jest.setTimeout(60_000);

let host: Sandbox;
let outside: string;

/** Makes an image with a changed root filesystem and stores it. */
async function store(name: string, prepare: (rootfs: string) => void): Promise<string> {
  const output = join(host.dir, `${name}.aci`);
  await makeImage({ name: `example.com/${name}`, exec: ['/bin/true'], output, prepare });
  host.ok(['-insecure-skip-verify', 'fetch', output]);
  return `example.com/${name}`;
}

const script = (image: string, text: string, ...options: string[]) =>
  host.rkt(['run', ...options, image, '--exec=/bin/sh', '--', '-c', text]);

beforeAll(async () => {
  host = await Sandbox.create();
  outside = join(host.dir, 'outside');
  mkdirSync(outside);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  expect(readdirSync(outside)).toEqual([]);
});

afterAll(() => host.destroy());

describe('mount points of the system as links', () => {
  const targets = ['/tmp', '../../../../../../..'];
  test.each(['proc', 'sys', 'dev'].flatMap((name) => targets.map((to) => [name, to] as const)))(
    '/%s to %s is refused',
    async (name, to) => {
      const image = await store(`link-${name}`, (rootfs) => symlinkSync(to, join(rootfs, name)));
      const { status, stderr } = script(image, 'true');
      expect([status, stderr]).toEqual([
        254,
        `rkt: app "link-${name}": mounting /${name}: it is a symbolic link in the image\n`,
      ]);
    },
  );

  test('links below /dev of the image are hidden with it', async () => {
    const image = await store('link-below-dev', (rootfs) => {
      mkdirSync(join(rootfs, 'dev'));
      for (const name of ['pts', 'console', 'null', 'shm']) symlinkSync(outside, join(rootfs, 'dev', name));
    });
    const { stdout } = script(
      image,
      'for n in pts console null shm; do test -L /dev/$n && echo link; done; test -c /dev/null && echo node',
    );
    expect(stdout).toBe('node\n');
  });
});

describe('what is masked and read-only', () => {
  test('cannot be read or written by a root with all capabilities but that to mount', async () => {
    const image = await store('plain', () => {});
    const masked = maskedPaths.map((path) => `cat ${path} 2>/dev/null; ls -A ${path} 2>/dev/null | grep -v ^${path}`);
    const written = readonlyPaths.map(
      (path) => `test -e ${path} && touch -c ${path}/x ${path} 2>&1 | grep -v -e Read-only -e 'Not a directory'`,
    );
    expect(script(image, [...masked, ...written].join('\n')).stdout).toBe('');
    const write = 'echo x > /proc/sys/kernel/hostname; mkdir /sys/fs/cgroup/x';
    expect(script(image, write).stderr.match(/Read-only file system/g)).toHaveLength(2);
  });

  test('a volume in /proc, also through a link of the image, is refused', async () => {
    const image = await store('link-to-proc', (rootfs) => symlinkSync('/proc/self/attr', join(rootfs, 'attr')));
    for (const target of ['/proc', '/proc/sys', '/attr']) {
      const volume = [`--volume=v,kind=host,source=${outside}`, `--mount=volume=v,target=${target}`];
      expect(script(image, 'true', ...volume)).toMatchObject({
        status: 254,
        stderr: `rkt: app "link-to-proc": mounting volume ${outside} on ${target}: the target lies in /proc\n`,
      });
    }
  });
});

describe('files that rkt makes', () => {
  test('replace links of the image, and touch nothing that they lead to', async () => {
    const image = await store('link-names', (rootfs) => {
      for (const name of ['hosts', 'resolv.conf']) {
        rmSync(join(rootfs, 'etc', name), { force: true });
        symlinkSync(`../../../../../../..${outside}/${name}`, join(rootfs, 'etc', name));
      }
      mkdirSync(join(rootfs, outside), { recursive: true });
      writeFileSync(join(rootfs, outside, 'hosts'), 'of the image\n');
    });
    const options = ['--dns=192.0.2.1', '--hosts-entry=192.0.2.2=name'];
    const text = `cd /etc; test -L hosts || test -L resolv.conf || echo files; cat ${outside}/hosts; ls ${outside}`;
    expect(script(image, text, ...options).stdout).toBe('files\nof the image\nhosts\n');
  });

  test('do not follow /etc out of the root filesystem', async () => {
    const image = await store('link-etc', (rootfs) => {
      rmSync(join(rootfs, 'etc'), { recursive: true });
      symlinkSync(`../../../../../../..${outside}`, join(rootfs, 'etc'));
    });
    const before = readFileSync('/etc/hosts', 'utf8');
    const { status } = script(image, 'true', '--dns=192.0.2.1');
    expect(status).toBe(0);
    expect(readFileSync('/etc/hosts', 'utf8')).toBe(before);
  });
});
