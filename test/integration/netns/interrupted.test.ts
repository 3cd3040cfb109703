import { expect, test } from '@jest/globals';
import { runScenario } from './run-scenario.ts';

interface Interrupted {
  /** Runs that were killed, and runs that left something behind for the teardown to find. */
  killed: number;
  dirty: number;
  failures: { step: number; left: unknown }[];
  end: { links: string[]; tables: string };
}

test('whatever step the set-up is killed at, the teardown by uuid restores the host', () => {
  const result = runScenario<Interrupted>('interrupted', 'setup');
  expect(result.failures).toEqual([]);
  expect(result.killed).toBeGreaterThan(12);
  expect(result.dirty).toBeGreaterThan(10);
  expect(result.end).toMatchObject({ links: [], tables: '' });
});

test('whatever step the teardown is killed at, a second one finishes it', () => {
  const result = runScenario<Interrupted>('interrupted', 'teardown');
  expect(result.failures).toEqual([]);
  expect(result.killed).toBeGreaterThan(5);
  expect(result.dirty).toBeGreaterThan(4);
  expect(result.end).toMatchObject({ links: [], tables: '' });
});
