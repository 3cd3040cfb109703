import { describe, expect, test } from '@jest/globals';
import type { PodManifest } from '../../../runtime/appc/pod-manifest.ts';
import type { ExposedPort, Port } from '../../../runtime/appc/port.ts';
import { assignSockets } from '../../../runtime/pod/activation/assign.ts';

const port = (name: string, more: Partial<Port> = {}): Port => ({
  ...{ name, protocol: 'tcp', port: 80, count: 1, socketActivated: true },
  ...more,
});

/** What is decided where rkt was started without sockets. */
const assigned = (ports: ExposedPort[], ...apps: Port[][]) =>
  assignSockets(
    {
      apps: apps.map((declared, index) => ({ name: `app${index}`, app: { ports: declared } })),
      ports,
    } as unknown as PodManifest,
    {},
    1,
  );

describe('ports without a socket', () => {
  test('are opened at their own numbers, whatever the host’s', () => {
    const { apps, passed } = assigned(
      [{ name: 'http', hostPort: 8080, hostIP: '10.0.0.1' }],
      [port('http'), port('plain', { port: 9, socketActivated: false }), port('dns', { protocol: 'UDP', port: 53 })],
      [port('many', { port: 90, count: 2 })],
    );
    expect([...apps]).toEqual([
      [
        'app0',
        [
          { open: 'tcp', port: 80, name: 'http' },
          { open: 'udp', port: 53, name: 'dns' },
        ],
      ],
      [
        'app1',
        [
          { open: 'tcp', port: 90, name: 'many' },
          { open: 'tcp', port: 91, name: 'many' },
        ],
      ],
    ]);
    expect(passed.size).toBe(0);
  });

  test('may have the number of another’s port of the host', () => {
    const { apps } = assigned([{ name: 'http', hostPort: 8080 }], [port('http')], [port('admin', { port: 8080 })]);
    expect([...apps.keys()]).toEqual(['app0', 'app1']);
  });

  test('may have one number with two protocols', () => {
    expect(assigned([], [port('a'), port('b', { protocol: 'udp' })]).apps.get('app0')).toHaveLength(2);
  });

  test.each([
    [
      'of two apps cannot have one number, also where those of the host differ',
      [{ name: 'b', hostPort: 81 }],
      [[port('a')], [port('b')]],
      'apps "app0" and "app1" expect the socket tcp 80 of the pod\'s network for ports "a" and "b"',
    ],
    [
      'of one app cannot either',
      [],
      [[port('a', { port: 78, count: 3 }), port('b')]],
      'app "app0" expects the socket tcp 80 of the pod\'s network for ports "a" and "b"',
    ],
  ])('%s', (_, exposed, apps, message) => {
    expect(() => assigned(exposed, ...apps)).toThrow(expect.objectContaining({ code: 'EPORT', message }));
  });
});
