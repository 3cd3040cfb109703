import { describe, expect, test } from '@jest/globals';
import { cpuPercent, type PodProcess } from '../../../runtime/pod/look/processes.ts';

const process = (members: Partial<PodProcess>): PodProcess => ({
  pid: 10,
  podPid: 2,
  app: 'a',
  uid: 0,
  state: 'S',
  cpuSeconds: 5,
  ageSeconds: 20,
  rss: 0,
  command: 'x',
  ...members,
});

describe('the share of a core', () => {
  test('is over the whole life where nobody looked before, or at that process', () => {
    expect(cpuPercent(process({}), 0, undefined)).toBe(25);
    expect(cpuPercent(process({}), 1000, { at: 0, used: new Map([[11, 1]]) })).toBe(25);
    expect(cpuPercent(process({ ageSeconds: 0 }), 0, undefined)).toBe(0);
  });

  test('is since the look before', () => {
    expect(cpuPercent(process({}), 3000, { at: 1000, used: new Map([[10, 4]]) })).toBe(50);
    expect(cpuPercent(process({}), 1000, { at: 1000, used: new Map([[10, 4]]) })).toBe(0);
  });
});
