import { beforeAll, describe, expect, test } from '@jest/globals';
import { runScenario } from './run-scenario.ts';

interface Traffic {
  addresses: { a: string; b: string; restricted: string };
  firstAnswer: string;
  sent: { questions: number; repeatedSegments: number };
  reached: Record<string, string>;
  refused: Record<string, string>;
  hostToPod: string;
  datagrams: string[];
  impostor: { fromHost: string; fromPod: string };
}

describe('traffic of pods on the default network', () => {
  let traffic: Traffic;
  beforeAll(() => {
    traffic = runScenario<Traffic>('traffic');
  });

  test('the first packet after the set-up is answered, not one that is repeated a second later', () => {
    expect(traffic.firstAnswer).toBe(traffic.addresses.a);
    expect(traffic.sent).toEqual({ questions: 1, repeatedSegments: 0 });
  });

  test('pods reach the host, the metadata service and each other as themselves, and the LAN as the host', () => {
    const { a } = traffic.addresses;
    expect(traffic.reached).toMatchObject({ host: a, metadata: a, pod: a, lan: '10.9.0.1' });
  });

  test('restricted pods reach the host and the metadata service and have no way to anywhere else', () => {
    const { restricted } = traffic.addresses;
    expect(traffic.reached).toMatchObject({
      restrictedToHost: restricted,
      restrictedToMetadata: restricted,
      restrictedToLan: 'ENETUNREACH',
    });
  });

  test('a restricted pod that makes itself a default route is stopped by the host', () => {
    expect(traffic.refused.escapedToLan).toBe('ETIMEDOUT');
    expect(traffic.refused.podToRestricted).toBe('ETIMEDOUT');
  });

  test('a neighbour of the host reaches the host but not the metadata service', () => {
    expect(traffic.reached.neighbourToHost).toBe('10.9.0.2');
    expect(traffic.refused.neighbourToMetadata).toBe('ETIMEDOUT');
  });

  test('a neighbour of the host reaches no port of a pod, which the host does', () => {
    expect(traffic.refused.neighbourToPod).toBe('ETIMEDOUT');
    expect(traffic.hostToPod).toBe('172.16.28.4');
  });

  test("at the metadata service's address nothing else answers on any other port", () => {
    expect(traffic.refused.pastRedirection).toBe('ETIMEDOUT');
  });

  test("packets with another pod's address never arrive, also where the host's rp_filter is loose", () => {
    expect(traffic.refused.forgedConnection).toBe('ETIMEDOUT');
    expect(traffic.datagrams).toEqual([`honest from ${traffic.addresses.b}`]);
  });

  test('without the metadata service its address is not forwarded to whoever claims it', () => {
    expect(traffic.impostor.fromHost).toBe('10.9.0.1');
    expect(traffic.impostor.fromPod).toBe('ETIMEDOUT');
  });
});
