import { expect, test } from '@jest/globals';
import { runScenario } from './run-scenario.ts';

interface Crowd {
  addresses: string[];
  links: number;
  exits: number[];
  before: unknown;
  after: unknown;
  leases: string[];
  pins: string[];
}

test('50 pods started by 5 processes at once have 50 addresses, and leave nothing when they end at once', () => {
  const crowd = runScenario<Crowd>('crowd');
  expect(new Set(crowd.addresses).size).toBe(50);
  expect(crowd.links).toBe(50);
  expect(crowd.exits).toEqual([0, 0, 0, 0, 0]);
  expect(crowd.after).toEqual(crowd.before);
  expect(crowd.leases).toEqual(['lock']);
  expect(crowd.pins).toEqual([]);
});
