import { beforeAll, describe, expect, test } from '@jest/globals';
import { runScenario } from './run-scenario.ts';

interface Monitor {
  before: unknown;
  took: number[];
  ended: { pin: boolean; leases: string[] };
  chain: { ip: string; problems: string[]; links: string[] }[];
  held: string[];
  inherited: { ips: string[]; links: string[]; routes: string[]; problems: string[]; admitted: boolean };
  collected: { problems: string[]; old: boolean; stale: number };
  shared: string[];
  gone: boolean;
  after: unknown;
}

describe('pods that end by their pin and lease alone', () => {
  let result: Monitor;
  beforeAll(() => {
    result = runScenario<Monitor>('monitor');
  });

  test('leave no pin, lease or link', () => {
    expect(result.ended).toEqual({ pin: false, leases: ['lock'] });
    expect(result.after).toEqual(result.before);
    expect(result.gone).toBe(true);
  });

  test('pass their address on at once, while the kernel still takes their link down', () => {
    expect(result.chain).toEqual(
      Array.from({ length: 10 }, (_, index) => ({
        ip: '172.16.28.3',
        problems: [],
        links: [`rkt${(index + 2).toString(16).padStart(8, '0')}abcd`],
      })),
    );
  });

  test('lose their link and what it may when the address is given to another, although somebody holds their namespace', () => {
    expect(result.held).toEqual(['rkt00000014abcd']);
    expect(result.inherited).toEqual({
      ips: ['172.16.28.3', '172.16.28.3'],
      links: ['rkt00000015abcd'],
      routes: ['172.16.28.2/31 dev rkt00000015abcd proto kernel scope link src 172.16.28.2'],
      problems: [],
      admitted: false, // the address of a restricted pod, although it was that of an unrestricted one
    });
  });

  test('are collected later without harm to the pod that has the address by then', () => {
    expect(result.collected).toEqual({ problems: [], old: false, stale: 11 });
    expect(result.shared).toEqual([]);
  });
});
