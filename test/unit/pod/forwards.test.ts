import { describe, expect, test } from '@jest/globals';
import type { PodManifest } from '../../../runtime/appc/pod-manifest.ts';
import type { ExposedPort, Port } from '../../../runtime/appc/port.ts';
import { podForwards } from '../../../runtime/pod/forwards.ts';

const port = (name: string, more: Partial<Port> = {}): Port => ({
  ...{ name, protocol: 'tcp', port: 80, count: 1, socketActivated: false },
  ...more,
});

function manifest(ports: ExposedPort[], ...apps: Port[][]): PodManifest {
  const list = apps.map((declared, index) => ({ name: `app${index}`, app: { ports: declared } }));
  return { apps: list, ports } as unknown as PodManifest;
}

const none = new Set<string>();
const forwards = (ports: ExposedPort[], ...apps: Port[][]) => podForwards(manifest(ports, ...apps), 'default', none);

describe('forwards', () => {
  test('lead to the port of that name, in whichever app it is', () => {
    expect(
      forwards(
        [{ name: 'dns', hostPort: 53, hostIP: '10.0.0.1' }],
        [port('http')],
        [port('dns', { protocol: 'UDP', port: 5353 })],
      ),
    ).toEqual([{ protocol: 'udp', hostIp: '10.0.0.1', hostPort: 53, podPort: 5353 }]);
  });

  test('of a range are as many as the app declares', () => {
    expect(forwards([{ name: 'http', hostPort: 8000 }], [port('http', { count: 2 })])).toEqual([
      { protocol: 'tcp', hostPort: 8000, podPort: 80 },
      { protocol: 'tcp', hostPort: 8001, podPort: 81 },
    ]);
  });

  test('prefer what the pod manifest says about the port', () => {
    const exposed = { name: 'http', hostPort: 1, podPort: port('http', { port: 90 }) };
    expect(forwards([exposed], [port('http')])).toEqual([{ protocol: 'tcp', hostPort: 1, podPort: 90 }]);
  });

  test('are none where no port is exposed, whatever the network', () => {
    expect(podForwards(manifest([], [port('http')]), 'none', none)).toEqual([]);
  });

  test('are none on the network of the host, where the app listens itself', () => {
    expect(podForwards(manifest([{ name: 'http', hostPort: 1 }], [port('http')]), 'host', none)).toEqual([]);
  });

  test('lead to no port whose app has the socket already, on whatever network', () => {
    const exposed = [
      { name: 'http', hostPort: 8080 },
      { name: 'many', hostPort: 9000 },
    ];
    const ports = [port('http'), port('many', { port: 90, count: 3 })];
    expect(podForwards(manifest(exposed, ports), 'default', new Set(['http:80', 'many:91']))).toEqual([
      { protocol: 'tcp', hostPort: 9000, podPort: 90 },
      { protocol: 'tcp', hostPort: 9002, podPort: 92 },
    ]);
    expect(podForwards(manifest([{ name: 'http', hostPort: 80 }], ports), 'none', new Set(['http:80']))).toEqual([]);
  });

  test.each([
    [[{ name: 'x', hostPort: 1 }], [[port('http')]], 'no app of the pod has a port named "x"'],
    [
      [{ name: 'http', hostPort: 1 }],
      [[port('http')], [port('http')]],
      'apps "app0" and "app1" both have a port named "http"',
    ],
    [
      [{ name: 's', hostPort: 1 }],
      [[port('s', { protocol: 'sctp' })]],
      'port "s": protocol "sctp" cannot be forwarded, only tcp and udp',
    ],
    [
      [{ name: 'r', hostPort: 65535 }],
      [[port('r', { count: 2 })]],
      'port "r": the 2 ports of the host from 65535 on end beyond 65535',
    ],
    [
      [{ name: 'r', hostPort: 1 }],
      [[port('r', { port: 1, count: 2000 })]],
      '2000 ports of the host are to be forwarded; a pod can have 1024',
    ],
    [
      [
        { name: 'a', hostPort: 1 },
        { name: 'b', hostPort: 1 },
      ],
      [[port('a'), port('b')]],
      'port 1 (tcp) of the host is given twice',
    ],
    [
      [
        { name: 'a', hostPort: 1, hostIP: '10.0.0.1' },
        { name: 'b', hostPort: 1 },
      ],
      [[port('a'), port('b')]],
      'port 1 (tcp) of the host is given twice',
    ],
  ] as [ExposedPort[], Port[][], string][])('%j of %j: %s', (ports, apps, message) => {
    expect(() => forwards(ports, ...apps)).toThrow(message);
  });

  test.each(['none', 'default-restricted'] as const)('need another network than %s', (networking) => {
    expect(() => podForwards(manifest([{ name: 'http', hostPort: 1 }], [port('http')]), networking, none)).toThrow(
      'port "http" cannot be forwarded: the pod is not on the default network',
    );
  });
});
