import { describe, expect, test } from '@jest/globals';
import { parseImageManifest } from '../../../runtime/appc/image-manifest.ts';
import { convertImage } from '../../../runtime/image/docker/convert.ts';
import { parseImageConfig } from '../../../runtime/image/docker/image-config.ts';
import { parseDockerReference } from '../../../runtime/image/docker/reference.ts';

const diffId = `sha256:${'d'.repeat(64)}`;
const manifestDigest = `sha256:${'1'.repeat(64)}`;
const configDigest = `sha256:${'2'.repeat(64)}`;

function configOf(config: object | undefined, changes: object = {}) {
  return parseImageConfig(
    Buffer.from(
      JSON.stringify({
        os: 'linux',
        architecture: 'amd64',
        ...(config === undefined ? {} : { config }),
        rootfs: { type: 'layers', diff_ids: [diffId] },
        ...changes,
      }),
    ),
  );
}

function convert(
  config: object | undefined,
  { url = 'docker://host:5000/a/app:v1', ...changes }: { url?: string } & Record<string, unknown> = {},
) {
  const { value, dropped } = convertImage(configOf(config, changes), {
    reference: parseDockerReference(url),
    manifestDigest,
    configDigest,
  });
  return { manifest: parseImageManifest(value), dropped, value };
}

describe('conversion', () => {
  test('everything', () => {
    const config = {
      Entrypoint: ['/bin/app', '--serve'],
      Cmd: ['--port', '80'],
      Env: ['PATH=/bin:/usr/bin', 'EMPTY=', 'WITH=a=b', 'PATH=/sbin', '1BAD=x', 'alone'],
      User: 'www:data',
      WorkingDir: 'srv/../work',
      Volumes: { '/var/lib/db/': {}, '/data.x': {}, '/data-x': {} },
      ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8000-8010': {} },
      Labels: { maintainer: 'me', note: '' },
    };
    const { manifest, dropped, value } = convert(config, { author: 'Me', created: '2020-01-02T03:04:05.678Z' });
    expect(manifest.name).toBe('host-5000/a/app');
    expect(manifest.labels).toEqual([
      { name: 'version', value: 'v1' },
      { name: 'os', value: 'linux' },
      { name: 'arch', value: 'amd64' },
    ]);
    expect(manifest.app).toMatchObject({
      exec: ['/bin/app', '--serve', '--port', '80'],
      user: 'www',
      group: 'data',
      workingDirectory: '/work',
      environment: [
        { name: 'PATH', value: '/sbin' },
        { name: 'EMPTY', value: '' },
        { name: 'WITH', value: 'a=b' },
      ],
      mountPoints: [
        { name: 'volume-data-x', path: '/data-x' },
        { name: 'volume-data-x-1', path: '/data.x' },
        { name: 'volume-var-lib-db', path: '/var/lib/db' },
      ],
      ports: [
        { name: '53-udp', protocol: 'udp', port: 53, count: 1, socketActivated: false },
        { name: '80-tcp', protocol: 'tcp', port: 80, count: 1, socketActivated: false },
        { name: '8000-8010', protocol: 'tcp', port: 8000, count: 11, socketActivated: false },
      ],
      userLabels: { maintainer: 'me', note: '' },
    });
    expect(manifest.annotations).toEqual([
      { name: 'authors', value: 'Me' },
      { name: 'created', value: '2020-01-02T03:04:05.678Z' },
      { name: 'appc.io/docker/originalname', value: 'host:5000/a/app:v1' },
      { name: 'appc.io/docker/registryurl', value: 'host:5000' },
      { name: 'appc.io/docker/repository', value: 'a/app' },
      { name: 'appc.io/docker/tag', value: 'v1' },
      { name: 'appc.io/docker/imageid', value: configDigest },
      { name: 'appc.io/docker/manifesthash', value: manifestDigest },
      { name: 'appc.io/docker/entrypoint', value: '["/bin/app","--serve"]' },
      { name: 'appc.io/docker/cmd', value: '["--port","80"]' },
    ]);
    expect(dropped).toEqual([
      'the environment variable "1BAD" is left out: its name must consist of letters, digits, "_", "." and "-", and not begin with a digit, "." or "-"',
    ]);
    expect(convert(config, { author: 'Me', created: '2020-01-02T03:04:05.678Z' }).value).toBe(value);
  });

  test.each([
    ['', '0', '0'],
    ['1000', '1000', '1000'],
    ['web', 'web', 'web'],
    ['1000:100', '1000', '100'],
    [':staff', '0', 'staff'],
    ['web:', 'web', 'web'],
  ])('user %j', (User, user, group) => {
    expect(convert({ Cmd: ['x'], User }).manifest.app).toMatchObject({ user, group });
  });

  test('what has no command is no app', () => {
    expect(convert(undefined).manifest.app).toBeUndefined();
    expect(convert({ Env: ['A=b'] }).manifest.app).toBeUndefined();
    expect(convert({ Cmd: ['x'] }).manifest.app?.workingDirectory).toBeUndefined();
  });

  test.each([
    ['SIGQUIT', 'SIGQUIT', []],
    ['SIGRTMIN+3', 'SIGRTMIN+3', []],
    ['9', '9', []],
    ['', undefined, []],
    ['SIGNOPE', undefined, ['the stop signal "SIGNOPE" is left out: there is none of that name']],
  ])('stop signal %j', (StopSignal, value, dropped) => {
    const converted = convert({ Cmd: ['x'], StopSignal });
    const annotation = converted.manifest.annotations.find(({ name }) => name === 'coreos.com/rkt/app/stop-signal');
    expect([annotation?.value, converted.dropped]).toEqual([value, dropped]);
  });

  test('a command in one string is a shell command', () => {
    expect(convert({ Cmd: 'run me' }).manifest.app?.exec).toEqual(['/bin/sh', '-c', 'run me']);
    expect(convert({ Entrypoint: '', Cmd: ['x'] }).manifest.app?.exec).toEqual(['x']);
  });

  test.each([
    [{ architecture: 'arm64', variant: 'v8' }, 'aarch64'],
    [{ architecture: 'arm', variant: 'v6' }, 'armv6l'],
    [{ architecture: 'arm', variant: 'v7' }, 'armv7l'],
    [{ architecture: '386' }, 'i386'],
    [{ architecture: 'riscv64' }, undefined],
  ])('architecture %j', (platform, arch) => {
    const { labels } = convert({ Cmd: ['x'] }, platform).manifest;
    expect(labels.find(({ name }) => name === 'arch')?.value).toBe(arch);
  });

  test('Docker Hub, and a digest instead of a tag', () => {
    expect(convert(undefined, { url: 'docker://busybox' }).manifest.name).toBe('registry-1.docker.io/library/busybox');
    const { labels } = convert(undefined, { url: `docker://busybox@${diffId}` }).manifest;
    expect(labels.map(({ name }) => name)).toEqual(['os', 'arch']);
  });

  test('a date that is none is left out', () => {
    expect(
      convert(undefined, { created: 'yesterday' }).manifest.annotations.some(({ name }) => name === 'created'),
    ).toBe(false);
  });

  test.each([
    [{ config: { Env: 'x' } }, 'image configuration: config.Env: must be a list, is "x"'],
    [{ rootfs: { type: 'x' } }, 'image configuration: rootfs.type: must be "layers", is "x"'],
    [{ rootfs: { type: 'layers', diff_ids: ['sha256:x'] } }, /diff_ids\[0\]: must have 64 lower-case hex digits/],
    [{ config: { Cmd: ['a\0b'] } }, /config\.Cmd\[0\]: must not contain NUL/],
  ])('refused: %j', (changes, message) => {
    expect(() => configOf(undefined, changes)).toThrow(message);
  });

  test('refused: a port that is none', () => {
    expect(() => convert({ Cmd: ['x'], ExposedPorts: { '99999/tcp': {} } })).toThrow(
      'image configuration: config.ExposedPorts: must be ports such as "80/tcp", has "99999/tcp"',
    );
  });
});
