/** Volumes beyond the everyday ones (run.test.ts): devices, those that nobody asked for, and those that nobody mounts. */

import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { Sandbox } from '../support/sandbox.ts';

// Images are made and pods started while other tests do the same.
jest.setTimeout(60_000);

let host: Sandbox;
const image = 'example.com/db';

const script = (text: string, options: readonly string[], ...own: string[]) =>
  host.rkt(['run', ...options, image, ...own, '--exec', '/bin/sh', '--', '-c', text]);

beforeAll(async () => {
  host = await Sandbox.create();
  await makeImage({
    name: image,
    exec: ['/bin/true'],
    output: join(host.dir, 'db.aci'),
    app: {
      mountPoints: [
        { name: 'data', path: '/var/lib/db/' },
        { name: 'config', path: '/etc/db', readOnly: true },
        { name: 'none', path: '/srv/new' },
      ],
    },
    prepare: (rootfs) => {
      const data = join(rootfs, 'var', 'lib', 'db');
      mkdirSync(data, { recursive: true });
      writeFileSync(join(data, 'seed'), 'in the image\n');
      chownSync(data, 70, 71);
      chmodSync(data, 0o2750);
    },
  });
  host.ok(['-insecure-skip-verify', 'fetch', join(host.dir, 'db.aci')]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  expect(host.uuids()).toEqual([]);
});

afterAll(() => host.destroy());

describe('devices', () => {
  let device: string;
  beforeAll(() => {
    const disk = join(host.dir, 'disk');
    writeFileSync(disk, `a block device${' '.repeat(4096)}`.slice(0, 4096));
    device = host.exec(['losetup', '-f', '--show', disk]).stdout.trim();
    expect(device).toMatch(/^\/dev\/loop/);
  });
  afterAll(() => {
    host.exec(['losetup', '-d', device]);
  });

  const own = '--mount=volume=disk,target=/dev/disk';
  const volume = (rest = ''): string[] => [`--volume=disk,kind=host,source=${device}${rest}`];

  test('a device can be used although nothing else that looks like one can', () => {
    const minor = Number(device.replace('/dev/loop', ''));
    const text = `head -c 14 /dev/disk; echo; printf written > /dev/disk; head -c 7 /dev/disk; echo
      mknod /tmp/own b 7 ${minor}; cat /tmp/own`;
    const { stdout, stderr } = script(text, volume(), own);
    expect(stdout).toBe('a block device\nwritten\n');
    expect(stderr.split('\n').filter((line) => !line.startsWith('rkt: warning'))).toEqual([
      "cat: can't open '/tmp/own': Permission denied",
      '',
    ]);
    host.exec(['sync', device]);
    expect(host.exec(['head', '-c', '7', device]).stdout).toBe('written');
  });

  const limited = (): void => {
    const text = 'head -c 7 /dev/disk; echo x > /dev/disk; echo y > /dev/null && rm /bin/wc && echo removed';
    const { stdout, stderr } = script(text, volume(',readOnly=true'), own);
    expect(stdout).toBe('writtenremoved\n');
    expect(stderr).toContain("can't create /dev/disk: Operation not permitted\n");

    const mounting = `mount -t tmpfs none /tmp && mknod /tmp/mem c 1 1 && mknod /tmp/disk b 7 999
      cat /tmp/mem; cat /tmp/disk`;
    const denied = script(mounting, ['--insecure-options=capabilities,paths', ...volume()], own).stderr;
    expect(denied).toContain("cat: can't open '/tmp/mem': Operation not permitted\n");
    expect(denied).toContain("cat: can't open '/tmp/disk': Operation not permitted\n");
  };

  test('a read-only one cannot be written to, others are out of reach even for an app that may mount', limited);

  test('the same without the devices controller of cgroup v1', () => {
    const mounted = host.exec(['umount', '/sys/fs/cgroup/devices']).status === 0;
    limited();
    if (mounted) host.exec(['mount', '-t', 'cgroup', '-o', 'devices', 'cgroup', '/sys/fs/cgroup/devices']);
  });

  test('a character device', () => {
    const { stdout } = script(
      'head -c 3 /dev/mine | wc -c',
      ['--volume=z,kind=host,source=/dev/zero'],
      '--mount=volume=z,target=/dev/mine',
    );
    expect(stdout).toBe('3\n');
  });
});

describe('of mount points without a volume', () => {
  test('have the owner and mode of the directory in the image, and nothing in it', () => {
    const { stdout } = script('stat -c "%a %u %g" /var/lib/db /srv/new; ls -A /var/lib/db', []);
    expect(stdout).toBe('2750 70 71\n755 0 0\n');
  });

  test('a volume that the user defines has what the user says', () => {
    const { stdout } = script('stat -c "%a %u %g" /var/lib/db', ['--volume=data,kind=empty']);
    expect(stdout).toBe('755 0 0\n');
  });

  test('are made when a pod is prepared', () => {
    const uuid = host.ok(['prepare', image, '--exec=/bin/stat', '--', '-c', '%a %u %g', '/var/lib/db']).trim();
    expect(host.ok(['run-prepared', uuid])).toBe('2750 70 71\n');
  });

  test('do not take the name of another volume', () => {
    const options = ['--volume=db-data,kind=empty,mode=0700', '--mount=volume=db-data,target=/mine'];
    expect(script('stat -c "%a" /mine /var/lib/db', options).stdout).toBe('700\n2750\n');
  });
});

test('a mount point that is read-only makes the mount so, wherever its path ends in a slash or a --mount moves it', () => {
  const dir = join(host.dir, 'config');
  mkdirSync(dir, { recursive: true });
  const options = [`--volume=config,kind=host,source=${dir}`];
  expect(script('touch /etc/db/x', options).stderr).toContain('Read-only file system');
  expect(script('touch /moved/x', options, '--mount=volume=config,target=/moved').stderr).toContain(
    'Read-only file system',
  );
});

test('one that nobody mounts is ignored, unless its source is not there', () => {
  expect(script('echo fine', ['--volume=unused,kind=empty']).stdout).toBe('fine\n');
  expect(script('true', ['--volume=unused,kind=host,source=/no/such'])).toMatchObject({
    status: 254,
    stderr: expect.stringContaining(
      'rkt: volume "unused": source /no/such: it does not exist\nrkt: rkt does not create it; mkdir it first\n',
    ),
  });
});

test('a file as a volume, writable and shared by two apps', () => {
  const file = join(host.dir, 'shared');
  writeFileSync(file, '');
  const app = (name: string): string[] => [
    image,
    `--name=${name}`,
    '--exec=/bin/sh',
    '--',
    '-c',
    `echo ${name} >> /etc/shared`,
  ];
  const options = [`--volume=f,kind=host,source=${file}`, '--mount=volume=f,target=/etc/shared'];
  expect(host.rkt(['run', ...options, ...app('a'), '---', ...app('b')]).status).toBe(0);
  expect(readFileSync(file, 'utf8').split('\n').sort()).toEqual(['', 'a', 'b']);
});
