import { describe, expect, test } from '@jest/globals';
import { encodePodManifest, parsePodManifest } from '../../../runtime/appc/pod-manifest.ts';
import { errorOf, podManifest, someId } from './helpers.ts';

const app = (members: object = {}) => ({ name: 'a', image: { id: someId }, ...members });

describe('a complete pod manifest', () => {
  const manifest = parsePodManifest(
    podManifest({
      apps: [
        app({
          image: { name: 'example.com/reduce-worker', id: someId, labels: [{ name: 'version', value: '1.0.0' }] },
          app: {
            exec: ['/bin/reduce-worker'],
            user: '0',
            group: '0',
            mountPoints: [{ name: 'work', path: '/var/lib/work' }],
          },
          readOnlyRootFS: true,
          mounts: [
            { volume: 'worklib', path: '/var/lib/work' },
            { volume: 'scratch', path: '/tmp', appVolume: { name: 'scratch', kind: 'empty' } },
          ],
          annotations: [{ name: 'foo', value: 'baz' }],
        }),
        app({ name: 'register' }),
      ],
      volumes: [{ name: 'worklib', kind: 'host', source: '/opt/work', readOnly: true, recursive: true }],
      isolators: [{ name: 'resource/memory', value: { limit: '4G' } }],
      annotations: [{ name: 'ip-address', value: '10.1.2.3' }],
      ports: [
        { name: 'ftp', hostPort: 2121, hostIP: '203.0.113.23', podPort: { name: 'ftp', port: 21, protocol: 'tcp' } },
      ],
      userLabels: { 'Any Label': 'x' },
    }),
  );

  test('is read, with defaults', () => {
    expect(manifest.volumes[0]).toEqual({
      name: 'worklib',
      kind: 'host',
      source: '/opt/work',
      readOnly: true,
      recursive: true,
    });
    expect(manifest.apps[0]?.mounts[1]?.appVolume).toEqual({
      name: 'scratch',
      kind: 'empty',
      mode: '0755',
      uid: 0,
      gid: 0,
    });
    expect(manifest.apps[1]).toEqual({
      name: 'register',
      image: { id: someId, labels: [] },
      mounts: [],
      annotations: [],
    });
  });

  test('is the same after encoding and reading again', () =>
    expect(parsePodManifest(encodePodManifest(manifest))).toEqual(manifest));

  test('a pod without apps still says so', () =>
    expect(encodePodManifest(parsePodManifest(podManifest()))).toBe(
      '{"acVersion":"0.8.11","acKind":"PodManifest","apps":[]}',
    ));
});

describe('violations', () => {
  test.each<[object, string]>([
    [{ apps: undefined }, 'apps: is required'],
    [{ apps: [app(), app()] }, 'apps[1]: the name "a" stands in the list already'],
    [{ apps: [{ name: 'a', image: {} }] }, 'apps[0].image.id: is required'],
    [
      { apps: [app({ mounts: [{ volume: 'v', path: 'x' }] })] },
      'apps[0].mounts[0].path: must be an absolute path, is "x"',
    ],
    [{ volumes: [{ name: 'v', kind: 'tmpfs' }] }, 'volumes[0].kind: must be "host" or "empty", is "tmpfs"'],
    [{ volumes: [{ name: 'v', kind: 'host' }] }, 'volumes[0].source: is required'],
    [{ volumes: [{ name: 'v', kind: 'host', source: 'x' }] }, 'volumes[0].source: must be an absolute path, is "x"'],
    [
      { volumes: [{ name: 'v', kind: 'host', source: '/x', mode: '0700' }] },
      'volumes[0].mode: cannot be set for a volume of kind "host"',
    ],
    [
      { volumes: [{ name: 'v', kind: 'empty', source: '/x' }] },
      'volumes[0].source: cannot be set for a volume of kind "empty"',
    ],
    [
      { volumes: [{ name: 'v', kind: 'empty', mode: '0999' }] },
      'volumes[0].mode: must be a file mode in octal digits such as "0755", is "0999"',
    ],
    [
      { volumes: [{ name: 'v', kind: 'empty', uid: -1 }] },
      'volumes[0].uid: must be an integer from 0 to 4294967294, is -1',
    ],
    [
      {
        volumes: [
          { name: 'v', kind: 'empty' },
          { name: 'v', kind: 'empty' },
        ],
      },
      'volumes[1]: the name "v" stands in the list already',
    ],
    [{ ports: [{ name: 'p', hostPort: 65536 }] }, 'ports[0].hostPort: must be an integer from 1 to 65535, is 65536'],
    [
      { ports: [{ name: 'p', hostPort: 1, hostIP: '1.2.3.400' }] },
      'ports[0].hostIP: must be an IPv4 address in dotted-quad notation, is "1.2.3.400"',
    ],
  ])('%j', (members, message) =>
    expect(errorOf(() => parsePodManifest(podManifest(members)))).toBe(`EMANIFEST: pod manifest: ${message}`),
  );
});
