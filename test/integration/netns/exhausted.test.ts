import { expect, test } from '@jest/globals';
import { runScenario } from './run-scenario.ts';

interface Exhausted {
  refusal: unknown;
  leasesAfterRefusal: number;
  ip: string;
  deadIp: string;
  leasesAfterwards: number;
  deadPin: boolean;
  livingPin: boolean;
  links: string[];
  elements: string;
}

test('an exhausted pool takes back what dead pods hold, of any data directory, and nothing of others', () => {
  const result = runScenario<Exhausted>('exhausted');
  expect(result.refusal).toEqual({
    code: 'EPOOL',
    message: 'all 126 addresses of the default network (172.16.28.0/24) are in use by running pods',
    hint: 'stop pods that are not needed, run `rkt gc`, or start the pod with --net=host',
  });
  expect(result.leasesAfterRefusal).toBe(126 + 1); // and the lock
  expect(result.ip).toBe(result.deadIp);
  expect(result.deadPin).toBe(false);
  expect(result.livingPin).toBe(true);
  expect(result.leasesAfterwards).toBe(126 + 1);
  expect(result.links.sort()).toEqual(['rkt00000002abcd', 'rkt00000003abcd']);
  expect(result.elements).not.toContain('rkt00000001abcd');
});
