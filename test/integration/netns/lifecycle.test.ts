import { beforeAll, describe, expect, test } from '@jest/globals';
import type { PodNetwork } from '../../../netns/index.ts';
import { documented, words } from './documented.ts';
import { runScenario } from './run-scenario.ts';

interface State {
  links: string[];
  tables: string;
  elements: string;
}

interface Lifecycle {
  serviceTable: string;
  before: State;
  made: {
    network: PodNetwork;
    state: State;
    problems: string[];
    podLinks: string[];
    hostAddress: string[];
    podAddress: string[];
    routes: string[];
    restrictedRoutes: string[];
    loopback: string[];
    hostIpv6: string;
    sysctls: Record<string, string>;
    lease: string;
  };
  repeated: { network: PodNetwork; sameLink: boolean; state: State };
  damaged: string[];
  restored: string[];
  one: State;
  after: { state: State; pins: boolean; leases: string[] };
  gone: string[];
}

/** The same with two pods, the second of them restricted. */
const withPods = (table: string): string =>
  table
    .replace('type ipv4_addr }', 'type ipv4_addr elements = { 172.16.28.3 } }')
    .replace(
      'type ifname . ipv4_addr }',
      'type ifname . ipv4_addr elements = { "rkt00000002abcd" . 172.16.28.5, "rkt00000001abcd" . 172.16.28.3 } }',
    );

describe("the life of a pod's network", () => {
  let life: Lifecycle;
  beforeAll(() => {
    life = runScenario<Lifecycle>('lifecycle');
  });

  test('describes itself', () => {
    const { netns, ...network } = life.made.network;
    expect(network).toEqual({
      name: 'default',
      kind: 'default',
      interface: 'eth0',
      hostInterface: 'rkt00000001abcd',
      ip: '172.16.28.3',
      hostIp: '172.16.28.2',
      prefixLength: 31,
    });
    expect(netns).toMatch(/\/netns\/00000001-abcd-4000-8000-000000000000$/);
    expect(life.made.lease).toMatch(/^00000001-abcd-4000-8000-000000000000 default "\/.*\/pod-1"\n$/);
  });

  test('gives both ends their addresses, and the pod its routes and loopback', () => {
    expect(life.made.hostAddress).toEqual(['UP', '172.16.28.2/31']);
    expect(life.made.podAddress).toEqual(['UP', '172.16.28.3/31']);
    expect(life.made.loopback).toEqual(['UNKNOWN', '127.0.0.1/8', '::1/128']);
    expect(life.made.routes).toEqual([
      '169.254.169.255 via 172.16.28.2 dev eth0 proto static',
      '172.16.28.2/31 dev eth0 proto kernel scope link src 172.16.28.3',
      'default via 172.16.28.2 dev eth0 proto static',
    ]);
    expect(life.made.restrictedRoutes).toEqual([
      '169.254.169.255 via 172.16.28.4 dev eth0 proto static',
      '172.16.28.4/31 dev eth0 proto kernel scope link src 172.16.28.5',
    ]);
  });

  test("guards the host's end", () => {
    expect(life.made.sysctls).toEqual({
      forward: '1',
      reversePath: '1',
      arpIgnore: '1',
      routeLocalnet: '0',
      ipv6Off: '1',
    });
    expect(life.made.hostIpv6).toBe('');
  });

  test('makes the table that nft knows as documented', () => {
    expect(words(life.made.state.elements)).toEqual(words(withPods(documented('rkt'))));
  });

  test('the table of a running metadata service is as documented, too', () => {
    // What comes after # are remarks of nft; it prints a priority by name or number as its version knows it for the hook.
    expect(words(life.serviceTable.replaceAll(/#.*$/gm, ''))).toEqual(words(documented('rkt-metadata')));
  });

  test('passes its own check and is listed', () => {
    expect(life.made.problems).toEqual([]);
    expect(life.made.podLinks).toEqual(['rkt00000001abcd', 'rkt00000002abcd']);
  });

  test('changes nothing when it is set up again', () => {
    expect(life.repeated.network).toEqual(life.made.network);
    expect(life.repeated.sameLink).toBe(true);
    expect(words(life.repeated.state.elements)).toEqual(words(life.made.state.elements));
  });

  test('says what is wrong with it', () => {
    expect(life.damaged).toEqual([
      'the link rkt00000001abcd is down',
      '172.16.28.3 is missing from the nf_tables set links',
      'the pod lacks the address 172.16.28.3/31',
      'the pod lacks the route to 169.254.169.255/32',
      'the pod lacks the route to 0.0.0.0/0',
    ]);
  });

  test('a table that somebody flushed comes back with the elements of every pod', () => {
    expect(life.restored).toEqual([]);
  });

  test('leaves the host as it was, but for forwarding', () => {
    expect(life.one.links).toEqual(['rkt00000002abcd']);
    expect(life.one.tables).toBe('table ip rkt');
    expect(life.after.state).toEqual(life.before);
    expect(life.after.pins).toBe(false);
    expect(life.after.leases).toEqual(['lock']);
    expect(life.gone).toEqual([
      'the link rkt00000001abcd is missing',
      '172.16.28.3 is missing from the nf_tables set links',
      '172.16.28.3 is missing from the nf_tables set pods',
      `the network namespace ${life.made.network.netns} is missing`,
    ]);
  });
});
