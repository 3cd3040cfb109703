import { describe, expect, test } from '@jest/globals';
import { parseImageManifest } from '../../../runtime/appc/image-manifest.ts';
import { encodePodManifest, parsePodManifest } from '../../../runtime/appc/pod-manifest.ts';
import { parseVolumeOption } from '../../../runtime/appc/volume-option.ts';
import { quiet } from '../../../runtime/base/log.ts';
import { type AppRequest, composePod, type PodRequest, parseEnvironment } from '../../../runtime/pod/compose.ts';

const id = `sha512-${'ab'.repeat(64)}`;

function image(app?: object, name = 'example.com/worker') {
  const manifest = { acKind: 'ImageManifest', acVersion: '0.8.11', name, ...(app === undefined ? {} : { app }) };
  return { id, manifest: parseImageManifest(JSON.stringify(manifest)) };
}

const plain = { exec: ['/bin/worker', '--fast'], user: '0', group: '0' };
const request = (app: Partial<AppRequest> = {}): AppRequest => ({ image: image(plain), args: [], mounts: [], ...app });
const pod = (apps: AppRequest[], more: Partial<PodRequest> = {}): PodRequest => ({
  apps,
  volumes: [],
  mounts: [],
  inherited: [],
  explicit: [],
  ...more,
});
const compose = (apps: AppRequest[], more: Partial<PodRequest> = {}) => composePod(pod(apps, more), quiet);

describe('apps', () => {
  test('the name is the last component of the image’s, unless given', () => {
    expect(compose([request(), request({ name: 'other' })]).apps.map(({ name }) => name)).toEqual(['worker', 'other']);
  });

  test('arguments are appended; --exec replaces what the image executes', () => {
    const exec = (app: Partial<AppRequest>) => compose([request(app)]).apps[0]?.app?.exec;
    expect(exec({ args: ['a b'] })).toEqual(['/bin/worker', '--fast', 'a b']);
    expect(exec({ exec: '/bin/sh', args: ['-c', 'true'] })).toEqual(['/bin/sh', '-c', 'true']);
  });

  test('what the user says about an app takes the place of what the image says', () => {
    const app = { ...plain, supplementaryGIDs: [1], workingDirectory: '/a', userLabels: { a: '1', b: '1' } };
    const of = (more: Partial<AppRequest>) => compose([request({ image: image(app), ...more })]).apps[0];
    const changed = of({
      user: 'me',
      group: '5',
      supplementaryGids: [2, 3],
      workingDirectory: '/b',
      readOnlyRootFs: true,
      environment: [{ name: 'A', value: 'b' }],
      annotations: [{ name: 'c', value: 'd' }],
      userLabels: { b: '2' },
      userAnnotations: { e: 'f' },
    });
    expect(changed).toMatchObject({
      readOnlyRootFS: true,
      annotations: [{ name: 'c', value: 'd' }],
      app: {
        user: 'me',
        group: '5',
        supplementaryGIDs: [2, 3],
        workingDirectory: '/b',
        environment: [{ name: 'A', value: 'b' }],
        userLabels: { a: '1', b: '2' },
        userAnnotations: { e: 'f' },
      },
    });
    expect(of({})?.app).toMatchObject({ user: '0', group: '0', supplementaryGIDs: [1], workingDirectory: '/a' });
    expect(of({})).not.toHaveProperty('readOnlyRootFS');
  });

  test('environment: parent below image below explicit', () => {
    const environment = [
      { name: 'A', value: 'image' },
      { name: 'B', value: 'image' },
    ];
    const inherited = ['A', 'B', 'C'].map((name) => ({ name, value: 'parent' }));
    const manifest = compose([request({ image: image({ ...plain, environment }) })], {
      inherited,
      explicit: [parseEnvironment('B=explicit'), parseEnvironment('D=')],
    });
    expect(manifest.apps[0]?.app?.environment).toEqual([
      { name: 'A', value: 'image' },
      { name: 'B', value: 'explicit' },
      { name: 'C', value: 'parent' },
      { name: 'D', value: '' },
    ]);
  });

  test('the manifest is valid by the schema’s own reader', () => {
    const manifest = compose([request()], { volumes: [parseVolumeOption('work,kind=host,source=/srv')] });
    expect(parsePodManifest(encodePodManifest(manifest))).toEqual(manifest);
  });

  test.each([
    [
      'two apps of one name',
      () => compose([request(), request()]),
      'two apps of the pod are named "worker"',
      'give one of them another name with --name',
    ],
    [
      'nothing to execute',
      () => compose([request({ image: image() })]),
      'image example.com/worker has no app: it does not say what to execute',
      'say so with --exec',
    ],
    [
      'an empty exec',
      () => compose([request({ image: image({ ...plain, exec: [] }) })]),
      'image example.com/worker names no executable',
      'name one with --exec',
    ],
    [
      'a name that is none',
      () => compose([request({ name: 'A_b' })]),
      '--name "A_b" must consist of lower-case letters, digits and "-", with a letter or digit at both ends',
      undefined,
    ],
  ])('%s is refused', (_, act, message, hint) => {
    expect(act).toThrow(expect.objectContaining({ message, hint, code: 'ECOMPOSE' }));
  });
});

describe('mounts', () => {
  const withPoints = image({
    ...plain,
    mountPoints: [
      { name: 'work', path: '/var/work' },
      { name: 'log', path: '/var/log' },
    ],
  });
  const work = parseVolumeOption('work,kind=host,source=/srv/work');

  test('a mount point is filled by the volume of its name, or by an empty one', () => {
    const manifest = compose([request({ image: withPoints })], { volumes: [work] });
    expect(manifest.apps[0]?.mounts).toEqual([
      { volume: 'work', path: '/var/work' },
      { volume: 'worker-log', path: '/var/log' },
    ]);
    expect(manifest.volumes.map(({ name, kind }) => [name, kind])).toEqual([
      ['work', 'host'],
      ['worker-log', 'empty'],
    ]);
  });

  test('--mount takes the place of a mount point with the same path', () => {
    const mounts = [{ volume: 'work', target: '/var/log/' }];
    const manifest = compose([request({ image: withPoints, mounts })], { volumes: [work] });
    expect(manifest.apps[0]?.mounts).toEqual([
      { volume: 'work', path: '/var/log' },
      { volume: 'work', path: '/var/work' },
    ]);
  });

  test.each([
    [[{ volume: 'no', target: '/x' }], '--mount volume=no,target=/x: there is no volume "no"'],
    [
      [{ volume: 'work', target: '/a/..' }],
      '--mount volume=work,target=/a/..: a volume cannot replace the root filesystem',
    ],
    [
      [{ volume: 'work', target: '/var/log/../work/deep' }],
      'app "worker": the mounts at /var/work and /var/work/deep overlap',
    ],
  ])('%j is refused', (mounts, message) => {
    expect(() => compose([request({ image: withPoints, mounts })], { volumes: [work] })).toThrow(
      expect.objectContaining({ message, code: 'ECOMPOSE' }),
    );
  });

  test('a volume given twice is refused', () => {
    expect(() => compose([request()], { volumes: [work, work] })).toThrow('--volume "work" is given twice');
  });
});

test.each([
  ['X', '--set-env "X": has no "=value"'],
  ['=x', '--set-env "=x": the name must not be empty'],
  [
    '1A=x',
    '--set-env "1A=x": the name must consist of letters, digits, "_", "." and "-", and not begin with a digit, "." or "-"',
  ],
])('--set-env %s is refused', (text, message) => {
  expect(() => parseEnvironment(text)).toThrow(expect.objectContaining({ message, hint: 'write NAME=VALUE' }));
});
