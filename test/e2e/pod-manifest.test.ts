/** `--pod-manifest`: a pod from a file, and files that contradict themselves. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { Sandbox } from '../support/sandbox.ts';

// Images are made and pods started while other tests do the same.
jest.setTimeout(60_000);

let host: Sandbox;
let id: string;
const name = 'example.com/worker';

/** An app of the manifest; without `app` it is the image's. */
const appOf = (fields: object = {}): object => ({ name: 'worker', image: { id }, ...fields });
const shell = (script: string, fields: object = {}): object => ({
  exec: ['/bin/sh', '-c', script],
  user: '0',
  group: '0',
  ...fields,
});

function write(fields: object, apps: readonly object[] = [appOf()]): string {
  const file = join(host.dir, 'pod.json');
  writeFileSync(file, JSON.stringify({ acVersion: '0.8.11', acKind: 'PodManifest', apps, ...fields }));
  return `--pod-manifest=${file}`;
}

function refusal(...args: string[]): string {
  const { status, stdout, stderr } = host.rkt(['run', ...args]);
  expect([status, stdout, host.uuids()]).toEqual([254, '', []]);
  return stderr;
}

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'worker.aci');
  await makeImage({
    name,
    exec: ['/bin/sh', '-c', 'echo $WHO; ls /data'],
    output: file,
    app: {
      environment: [{ name: 'WHO', value: 'the image' }],
      mountPoints: [{ name: 'data', path: '/data' }],
      ports: [{ name: 'www', protocol: 'tcp', port: 80 }],
    },
  });
  id = host.ok(['-insecure-skip-verify', 'fetch', '--full', file]).trim();
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

test('an app without an app is the image’s; ids may be abbreviated', () => {
  const { status, stdout, stderr } = host.rkt(['run', write({}, [appOf({ image: { id: id.slice(0, 20) } })])]);
  expect([status, stdout]).toEqual([0, 'the image\n']);
  expect(stderr).toBe('rkt: warning: app "worker": no volume for mount point "data": using an empty one\n');
  const manifest = JSON.parse(host.ok(['cat-manifest', host.uuids()[0] as string]));
  expect(manifest.apps[0].image).toMatchObject({ id, name });
});

test('what it says replaces all that the image says', () => {
  const apps = [
    appOf({
      app: shell('echo $WHO; id -u; cat /in/x; touch /new', { user: '7', environment: [{ name: 'WHO', value: 'me' }] }),
      mounts: [{ volume: 'work', path: '/in' }],
      readOnlyRootFS: true,
      annotations: [{ name: 'example.com/a', value: 'b' }],
    }),
  ];
  const source = join(host.dir, 'work');
  mkdirSync(source);
  writeFileSync(join(source, 'x'), 'of the host\n');
  const volumes = [{ name: 'work', kind: 'host', source, readOnly: true }];
  const { stdout, stderr } = host.rkt(['run', write({ volumes }, apps)]);
  expect(stdout).toBe('me\n7\nof the host\n');
  expect(stderr).toContain('touch: /new: Read-only file system\n');
});

test('a volume of a mount alone', () => {
  const appVolume = { name: 'own', kind: 'empty', mode: '0711', uid: 5, gid: 6 };
  const apps = [
    appOf({
      app: shell('stat -c "%a %u %g" /a /b'),
      mounts: [
        { volume: 'own', path: '/a', appVolume },
        { volume: 'own', path: '/b' },
      ],
    }),
  ];
  const volumes = [{ name: 'own', kind: 'empty', mode: '0700' }];
  expect(host.ok(['run', write({ volumes }, apps)])).toBe('711 5 6\n700 0 0\n');
});

test('what cat-manifest prints can be run', () => {
  host.ok([
    'run',
    '--volume=data,kind=empty,mode=0700',
    name,
    '--name=again',
    '--exec=/bin/stat',
    '--',
    '-c%a',
    '/data',
  ]);
  const file = join(host.dir, 'printed.json');
  writeFileSync(file, host.ok(['cat-manifest', host.uuids()[0] as string]));
  expect(host.ok(['run', `--pod-manifest=${file}`])).toBe('700\n');
});

test('it can be prepared and run later', () => {
  const uuid = host.ok(['prepare', write({}, [appOf({ app: shell('echo later') })])]).trim();
  expect(host.ok(['run-prepared', uuid])).toBe('later\n');
});

describe('contradictions name the field', () => {
  const cases: [string, () => string, string][] = [
    ['no apps', () => write({}, []), 'apps: must not be empty'],
    [
      'an unknown image',
      () => write({}, [appOf({ image: { id: `sha512-${'0'.repeat(32)}` } })]),
      `apps[0].image.id: image "sha512-${'0'.repeat(32)}" is not in the store`,
    ],
    [
      'another name than the image’s',
      () => write({}, [appOf({ image: { id, name: 'example.com/other' } })]),
      `apps[0].image.name: is "example.com/other", but the image with this id is "${name}"`,
    ],
    [
      'another version than the image’s',
      () => write({}, [appOf({ image: { id, labels: [{ name: 'version', value: '2' }] } })]),
      'apps[0].image.labels[0]: "version" is "2", but the image has "1.0.0"',
    ],
    ['no command', () => write({}, [appOf({ app: shell('', { exec: [] }) })]), 'apps[0].app.exec: names no executable'],
    [
      'a mount of no volume',
      () => write({}, [appOf({ mounts: [{ volume: 'no', path: '/x' }] })]),
      'apps[0].mounts[0]: there is no volume "no"',
    ],
    [
      'two mounts at one path',
      () =>
        write({ volumes: [{ name: 'v', kind: 'empty' }] }, [
          appOf({
            mounts: [
              { volume: 'v', path: '/x' },
              { volume: 'v', path: '/x' },
            ],
          }),
        ]),
      'apps[0].mounts[1].path: is that of mounts[0] as well',
    ],
    [
      'a mount over everything',
      () => write({ volumes: [{ name: 'v', kind: 'empty' }] }, [appOf({ mounts: [{ volume: 'v', path: '/' }] })]),
      'apps[0].mounts[0]: a volume cannot replace the root filesystem',
    ],
    [
      'a volume of a mount with another name',
      () => write({}, [appOf({ mounts: [{ volume: 'v', path: '/x', appVolume: { name: 'w', kind: 'empty' } }] })]),
      'apps[0].mounts[0].appVolume.name: is "w", but the mount is of "v"',
    ],
    [
      'a port of nobody',
      () => write({ ports: [{ name: 'no', hostPort: 80 }] }),
      'ports[0].name: no app has a port "no"',
    ],
    [
      'two apps of one name',
      () => write({}, [appOf(), appOf()]),
      'apps[1]: the name "worker" stands in the list already',
    ],
  ];
  test.each(cases)('%s', (_, file, reason) => {
    expect(refusal(file())).toContain(`rkt: pod manifest: ${reason}\n`);
  });

  test('a file that is none', () => {
    const file = join(host.dir, 'none.json');
    writeFileSync(file, '{');
    expect(refusal(`--pod-manifest=${file}`)).toMatch(/^rkt: pod manifest: is not JSON: /);
    expect(refusal('--pod-manifest=/no/such')).toBe(
      'rkt: --pod-manifest: cannot open /no/such: no such file or directory\n',
    );
  });
});

test.each([
  [['--set-env=A=1'], '--set-env'],
  [['--inherit-env'], '--inherit-env'],
  [['--volume=v,kind=empty'], '--volume'],
  [[name], `the image ${name}`],
])('%j cannot stand beside it', (others, what) => {
  expect(refusal(write({}), ...others)).toBe(
    `rkt: --pod-manifest and ${what} cannot stand together\nrkt: the manifest says what the pod is; edit it there\n`,
  );
});
