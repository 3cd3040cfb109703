import { expect, test } from '@jest/globals';
import { runScenario } from './run-scenario.ts';

interface Monitor {
  outcomes: number[];
  before: unknown;
  after: { links: string[]; elements: string };
  pins: boolean[];
  leases: string[];
  tableRemoved: boolean;
  end: unknown;
}

test("the monitor's datagrams take a pod's network down; only the empty table stays until it is removed", () => {
  const result = runScenario<Monitor>('monitor');
  expect(result.outcomes).toEqual([0, 0, 0, 0]);
  expect(result.after.links).toEqual([]);
  expect(result.after.elements).toContain('table ip rkt');
  expect(result.after.elements).not.toContain('elements');
  expect(result.pins).toEqual([false, false]);
  expect(result.leases).toEqual(['lock']);
  expect(result.tableRemoved).toBe(true);
  expect(result.end).toEqual(result.before);
});
