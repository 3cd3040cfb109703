import { describe, expect, test } from '@jest/globals';
import { encodeImageManifest, parseImageManifest } from '../../../runtime/appc/image-manifest.ts';
import { errorOf, imageManifest, someId, withApp } from './helpers.ts';

const refusal = (text: string): string => errorOf(() => parseImageManifest(text));

describe('a complete image manifest', () => {
  const text = imageManifest({
    name: 'example.com/reduce-worker',
    labels: [
      { name: 'version', value: '1.0.0' },
      { name: 'arch', value: 'amd64' },
      { name: 'os', value: 'linux' },
    ],
    app: {
      exec: ['/usr/bin/reduce-worker', '--quiet'],
      user: '100',
      group: '300',
      supplementaryGids: [400, 500],
      eventHandlers: [
        { exec: ['/usr/bin/data-downloader'], name: 'pre-start' },
        { exec: ['/usr/bin/deregister-worker', '--verbose'], name: 'post-stop' },
      ],
      workingDirectory: '/opt/work',
      environment: [{ name: 'REDUCE_WORKER_DEBUG', value: 'true' }],
      isolators: [
        { name: 'resource/cpu', value: { request: '250m', limit: '500m' } },
        { name: 'example.com/unknown', value: { any: ['thing', {}] } },
      ],
      mountPoints: [{ name: 'work', path: '/var/lib/work', readOnly: false }],
      ports: [
        { name: 'health', port: 4000, protocol: 'tcp', socketActivated: true },
        { name: 'ftp-data', port: 20000, count: 1000, protocol: 'tcp' },
      ],
      userAnnotations: { 'Any Key': 'x' },
    },
    dependencies: [
      { imageName: 'example.com/base', imageID: someId, labels: [{ name: 'env', value: 'c' }], size: 22017258 },
    ],
    pathWhitelist: ['/etc/ca/example.com/crt', '/etc/systemd/system/'],
    annotations: [
      { name: 'created', value: '2014-10-27T19:32:27.67021798Z' },
      { name: 'homepage', value: 'https://example.com' },
    ],
    somethingNew: { from: 'the future' },
  });
  const manifest = parseImageManifest(text);

  test('is read', () => {
    expect(manifest.name).toBe('example.com/reduce-worker');
    expect(manifest.app?.supplementaryGIDs).toEqual([400, 500]);
    expect(manifest.app?.ports).toEqual([
      { name: 'health', port: 4000, count: 1, protocol: 'tcp', socketActivated: true },
      { name: 'ftp-data', port: 20000, count: 1000, protocol: 'tcp', socketActivated: false },
    ]);
    expect(manifest.app?.isolators[1]).toEqual({ name: 'example.com/unknown', value: { any: ['thing', {}] } });
    expect(manifest.dependencies[0]?.size).toBe(22017258);
  });

  test('is the same after encoding and reading again', () =>
    expect(parseImageManifest(encodeImageManifest(manifest))).toEqual(manifest));

  test('is read from bytes', () => expect(parseImageManifest(Buffer.from(text))).toEqual(manifest));
});

test('what is left out is empty; null counts as left out', () => {
  const manifest = parseImageManifest(imageManifest({ labels: null, dependencies: null }));
  expect(manifest).toEqual({
    acKind: 'ImageManifest',
    acVersion: '0.8.11',
    name: 'example.com/app',
    labels: [],
    annotations: [],
    dependencies: [],
    pathWhitelist: [],
  });
});

describe('documents that are no image manifest', () => {
  test('no JSON', () => expect(refusal('{')).toMatch(/^EMANIFEST: image manifest: is not JSON: /));
  test('no object', () => expect(refusal('[]')).toBe('EMANIFEST: image manifest: must be an object, is []'));
  test('no UTF-8', () =>
    expect(errorOf(() => parseImageManifest(Buffer.from([0x7b, 0xff])))).toBe(
      'EMANIFEST: image manifest: is not UTF-8 text',
    ));
  test('too large', () =>
    expect(refusal(' '.repeat(1048577))).toBe(
      'EMANIFEST: image manifest: has 1048577 bytes, more than the 1048576 allowed',
    ));
  test('a pod manifest', () =>
    expect(refusal(imageManifest({ acKind: 'PodManifest' }))).toBe(
      'EMANIFEST: image manifest: acKind: must be "ImageManifest", is "PodManifest"',
    ));
});

const nameRule = 'must consist of lower-case letters, digits and "-", with a letter or digit at both ends';

describe('violations name the field and the reason', () => {
  test.each<[object, string]>([
    [{ acVersion: undefined }, 'acVersion: is required'],
    [
      { acVersion: '1.0.0' },
      'acVersion: must have the major version of the App Container specification 0.8.11, is "1.0.0"',
    ],
    [{ name: '' }, 'name: must not be empty, is ""'],
    [{ name: 7 }, 'name: must be a string, is 7'],
    [{ labels: {} }, 'labels: must be a list, is {}'],
    [{ labels: [{ name: 'name', value: 'x' }] }, 'labels[0].name: a label must not have the name "name", is "name"'],
    [{ labels: [{ name: 'os' }] }, 'labels[0].value: is required'],
    [
      {
        labels: [
          { name: 'a', value: '' },
          { name: 'a', value: '' },
        ],
      },
      'labels[1]: the name "a" stands in the list already',
    ],
    [
      { labels: [{ name: 'os', value: 'OS/360' }] },
      'labels[0].value: must be one of linux, freebsd, darwin, is "OS/360"',
    ],
    [
      {
        labels: [
          { name: 'os', value: 'freebsd' },
          { name: 'arch', value: 'armv7b' },
        ],
      },
      'labels[1].value: must be one of amd64, i386, arm for os "freebsd", is "armv7b"',
    ],
    [
      {
        labels: [
          { name: 'os', value: 'linux' },
          { name: 'arch', value: 'arm64' },
        ],
      },
      'labels[1].value: must be one of amd64, i386, aarch64, aarch64_be, armv6l, armv7l, armv7b, ppc64, ppc64le, s390x for os "linux", is "arm64"',
    ],
    [
      { annotations: [{ name: 'created', value: 'yesterday' }] },
      'annotations[0].value: must be an RFC 3339 timestamp such as "2014-10-27T19:32:27Z", is "yesterday"',
    ],
    [
      { annotations: [{ name: 'homepage', value: 'ftp://example.com' }] },
      'annotations[0].value: must be an http or https URL, is "ftp://example.com"',
    ],
    [
      {
        annotations: [
          { name: 'a', value: '' },
          { name: 'a', value: 'x' },
        ],
      },
      'annotations[1]: the name "a" stands in the list already',
    ],
    [{ dependencies: [{}] }, 'dependencies[0].imageName: is required'],
    [
      { dependencies: [{ imageName: 'a', imageID: 'md5-00' }] },
      'dependencies[0].imageID: must name the hash "sha512", not "md5", is "md5-00"',
    ],
    [
      { dependencies: [{ imageName: 'a', size: -1 }] },
      'dependencies[0].size: must be an integer from 0 to 9007199254740991, is -1',
    ],
    [{ pathWhitelist: ['etc'] }, 'pathWhitelist[0]: must be an absolute path, is "etc"'],
  ])('%j', (members, message) => expect(refusal(imageManifest(members))).toBe(`EMANIFEST: image manifest: ${message}`));

  test.each<[object, string]>([
    [{ user: undefined }, 'user: is required'],
    [{ group: '' }, 'group: must not be empty, is ""'],
    [{ exec: '/bin/sh' }, 'exec: must be a list, is "/bin/sh"'],
    [{ exec: ['a\0b'] }, 'exec[0]: must not contain NUL, is "a\\u0000b"'],
    [{ supplementaryGIDs: [-1] }, 'supplementaryGIDs[0]: must be an integer from 0 to 4294967294, is -1'],
    [
      { supplementaryGIDs: [4294967295] },
      'supplementaryGIDs[0]: must be an integer from 0 to 4294967294, is 4294967295',
    ],
    [{ workingDirectory: 'work' }, 'workingDirectory: must be an absolute path, is "work"'],
    [
      { eventHandlers: [{ name: 'start', exec: [] }] },
      'eventHandlers[0].name: must be "pre-start" or "post-stop", is "start"',
    ],
    [
      {
        eventHandlers: [
          { name: 'pre-start', exec: [] },
          { name: 'pre-start', exec: [] },
        ],
      },
      'eventHandlers[1]: the name "pre-start" stands in the list already',
    ],
    [
      { environment: [{ name: '1A', value: '' }] },
      'environment[0].name: must consist of letters, digits, "_", "." and "-", and not begin with a digit, "." or "-", is "1A"',
    ],
    [
      {
        environment: [
          { name: 'A', value: '' },
          { name: 'A', value: '' },
        ],
      },
      'environment[1]: the name "A" stands in the list already',
    ],
    [{ environment: [{ name: 'A', value: 1 }] }, 'environment[0].value: must be a string, is 1'],
    [
      {
        mountPoints: [
          { name: 'a', path: '/' },
          { name: 'work', path: 'var/lib' },
        ],
      },
      'mountPoints[1].path: must be an absolute path, is "var/lib"',
    ],
    [{ mountPoints: [{ name: 'A', path: '/' }] }, `mountPoints[0].name: ${nameRule}, is "A"`],
    [{ ports: [{ name: 'a', protocol: 'tcp', port: 0 }] }, 'ports[0].port: must be an integer from 1 to 65535, is 0'],
    [{ ports: [{ name: 'a', port: 1 }] }, 'ports[0].protocol: is required'],
    [
      { ports: [{ name: 'a', protocol: 'tcp', port: 65535, count: 2 }] },
      'ports[0].count: must not let the range from port 65535 end beyond 65535, is 2',
    ],
    [{ userLabels: { a: 1 } }, 'userLabels.a: must be a string, is 1'],
  ])('app %j', (members, message) =>
    expect(refusal(withApp(members))).toBe(`EMANIFEST: image manifest: app.${message}`),
  );
});
