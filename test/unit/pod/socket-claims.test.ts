import { describe, expect, test } from '@jest/globals';
import type { PodManifest } from '../../../runtime/appc/pod-manifest.ts';
import type { ExposedPort, Port } from '../../../runtime/appc/port.ts';
import { socketClaims } from '../../../runtime/pod/activation/claims.ts';

const port = (name: string, more: Partial<Port> = {}): Port => ({
  ...{ name, protocol: 'tcp', port: 80, count: 1, socketActivated: true },
  ...more,
});

const claims = (ports: ExposedPort[], ...apps: Port[][]) =>
  socketClaims({
    apps: apps.map((declared, index) => ({ name: `app${index}`, app: { ports: declared } })),
    ports,
  } as unknown as PodManifest);

describe('the sockets that apps expect', () => {
  test('are at the port of the host that is exposed, otherwise at their own', () => {
    const ports = [port('http'), port('dns', { protocol: 'UDP', port: 53 }), port('plain', { socketActivated: false })];
    expect(claims([{ name: 'http', hostPort: 8080, hostIP: '10.0.0.1' }], ports)).toEqual([
      { app: 'app0', port: 'http', protocol: 'tcp', ownPort: 80, hostPort: 8080, hostIp: '10.0.0.1' },
      { app: 'app0', port: 'dns', protocol: 'udp', ownPort: 53, hostPort: 53 },
    ]);
  });

  test('of a range are as many as it is long', () => {
    const found = claims([{ name: 'http', hostPort: 8000 }], [port('http', { count: 3 })]);
    expect(found.map(({ ownPort, hostPort }) => [ownPort, hostPort])).toEqual([
      [80, 8000],
      [81, 8001],
      [82, 8002],
    ]);
  });

  test('are what the pod manifest says about a port, in the place of the image', () => {
    const podPort = (socketActivated: boolean): ExposedPort[] => [
      { name: 'http', hostPort: 8080, podPort: port('http', { protocol: 'udp', socketActivated }) },
    ];
    expect(claims(podPort(false), [port('http')])).toEqual([]);
    expect(claims(podPort(true), [port('http', { socketActivated: false })])).toEqual([
      { app: 'app0', port: 'http', protocol: 'udp', ownPort: 80, hostPort: 8080 },
    ]);
  });

  test('may be one port at two addresses', () => {
    const exposed = [
      { name: 'a', hostPort: 80, hostIP: '10.0.0.1' },
      { name: 'b', hostPort: 80, hostIP: '10.0.0.2' },
    ];
    expect(claims(exposed, [port('a')], [port('b')]).map(({ app, hostIp }) => [app, hostIp])).toEqual([
      ['app0', '10.0.0.1'],
      ['app1', '10.0.0.2'],
    ]);
  });
});

describe('refused are', () => {
  test.each<[string, ExposedPort[], Port[][], string]>([
    [
      'other protocols',
      [],
      [[port('s', { protocol: 'sctp' })]],
      'app "app0": port "s" is socket-activated, which "sctp" cannot be, only tcp and udp',
    ],
    [
      'ranges beyond the last port',
      [{ name: 'http', hostPort: 65535 }],
      [[port('http', { count: 2 })]],
      'port "http": the 2 ports of the host from 65535 on end beyond 65535',
    ],
    [
      'ports that no app has',
      [{ name: 'x', hostPort: 1, podPort: port('x') }],
      [[port('http')]],
      'port "x" is socket-activated, and no app of the pod has it',
    ],
  ])('%s', (_, exposed, apps, message) => {
    expect(() => claims(exposed, ...apps)).toThrow(expect.objectContaining({ code: 'EPORT', message }));
  });
});
