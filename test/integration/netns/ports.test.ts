/** Forwarded ports (docs/networking.md), and the row of the threat model about reaching them from where one should not. */

import { beforeAll, describe, expect, test } from '@jest/globals';
import { documented, words } from './documented.ts';
import { runScenario } from './run-scenario.ts';

interface Ports {
  listing: string;
  reached: Record<string, string>;
  refused: Record<string, string>;
  unguarded: Record<string, string>;
  conflicts: Record<string, string>;
  takenOver: string;
  answeredBy: string;
  remembered: { before: string; byMemory: string; after: string };
  restored: string[];
  reused: { same: boolean; before: boolean; after: boolean };
  uuids: { web: string };
  hostIps: { web: string; private: string };
  ips: { client: string; next: string; web: string };
  left: { links: string[]; tables: string };
}

describe('forwarded ports', () => {
  let ports: Ports;
  beforeAll(() => {
    ports = runScenario<Ports>('ports');
  });

  test('are reached by neighbours, the host and pods as themselves', () => {
    expect(ports.reached).toMatchObject({
      byNeighbour: '10.9.0.2',
      byHost: '10.9.0.1',
      byPod: ports.ips.client,
      datagramByNeighbour: '10.9.0.2',
    });
  });

  test('are reached by way of 127.0.0.1, as the host’s end of the link', () => {
    const { web, private: only } = ports.hostIps;
    expect(ports.reached).toMatchObject({ byLoopback: web, byLoopbackOnly: only, datagramByLoopback: web });
  });

  test('do not touch the same port of other hosts', () => {
    expect(ports.reached.neighboursOwn).toBe('10.9.0.1');
  });

  test('at 127.0.0.1 are not reached by neighbours, nor is anything else there by the pod (CVE-2020-8558)', () => {
    expect(ports.refused).toMatchObject({
      neighbourToLoopback: 'ETIMEDOUT',
      neighbourToLoopbackOnly: 'ETIMEDOUT',
      podToLoopback: 'ETIMEDOUT',
      neighbourToBound: 'ECONNREFUSED',
    });
    // Without the guards both would be.
    expect(ports.unguarded).toEqual({ neighbourToLoopbackOnly: '10.9.0.2', podToLoopback: ports.ips.web });
  });

  test('make nothing else of the pod reachable, and stay closed to restricted pods', () => {
    expect(ports.refused).toMatchObject({ neighbourToPod: 'ETIMEDOUT', restrictedToPort: 'ETIMEDOUT' });
  });

  test('lead to one pod at a time, and not where a program listens', () => {
    const taken = `port 8080 (tcp) of the host is forwarded to pod ${ports.uuids.web} already`;
    expect(ports.conflicts).toEqual({
      taken,
      takenAtOneAddress: taken,
      takenAtAnother: 'forwarded',
      otherProtocol: 'forwarded',
      listener: 'port 7070 (tcp) of the host is in use: a program listens on it',
      listenerElsewhere: 'forwarded',
      own: 'forwarded',
    });
  });

  test('of a pod that is gone are free, and lead to the next one that asks', () => {
    expect([ports.takenOver, ports.answeredBy]).toEqual(['forwarded', '10.9.0.2']);
  });

  test('never lead to a pod that has got the address of another', () => {
    expect(ports.reused).toEqual({ same: true, before: true, after: false });
  });

  test('that are given back do not lead on even those whom the kernel remembers', () => {
    expect(ports.remembered).toEqual({ before: '10.9.0.2', byMemory: '10.9.0.2', after: 'ETIMEDOUT' });
  });

  test('of living pods are restored after the ruleset was flushed', () => {
    const { client, next } = ports.ips;
    expect(ports.restored).toEqual([`tcp . 8080 : ${client}`, `tcp . 8081 : ${next}`]);
  });

  test('are nothing but elements, each with the pod it belongs to', () => {
    const { web } = ports.uuids;
    expect(ports.listing).toContain(`tcp . 8080 comment "${web}" : ${ports.ips.web} . 80`);
    expect(ports.listing).toContain(`udp . 5353 comment "${web}" : ${ports.ips.web} . 53`);
    expect(ports.listing).toMatch(/127\.0\.0\.1 \. tcp \. 9090 comment ".*" : .* \. 80/);
  });

  test('are rules as they are documented, which know nothing of pods', () => {
    const rules = (table: string): string[] => words(table.replaceAll(/elements = \{[^}]*\}/g, ''));
    expect(rules(ports.listing)).toEqual(rules(documented('rkt-ports')));
  });

  test('leave nothing behind', () => {
    expect(ports.left).toMatchObject({ links: [], tables: '' });
  });
});

interface Flushed {
  open: boolean;
  again: boolean;
  byLoopback: string;
  hostIp: string;
  ip: string;
  flushed: { connected: string; frames: string[] };
  unguarded: { connected: string; frames: string[] };
  left: string[];
}

describe('when somebody has flushed the ruleset', () => {
  let result: Flushed;
  beforeAll(() => {
    result = runScenario<Flushed>('flushed');
  });

  test('a pod whose port was reached from 127.0.0.1 still reaches nothing there (CVE-2020-8558)', () => {
    expect(result).toMatchObject({ open: true, again: true, byLoopback: result.hostIp });
    expect(result.flushed).toEqual({ connected: 'ETIMEDOUT', frames: [] });
  });

  test('which is the doing of the guard at its link, also against frames with VLAN tags, and from a ring', () => {
    expect(result.unguarded).toEqual({ connected: result.ip, frames: ['0', '1', '2', '3', 'ring'] });
    expect(result.left).toEqual([]);
  });
});
