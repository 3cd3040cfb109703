import { expect, test } from '@jest/globals';
import { hasExited, stateOf } from '../../../runtime/pod/state.ts';

test.each([
  ['embryo', true, 'embryo'],
  ['prepare', true, 'preparing'],
  ['prepare', false, 'aborted prepare'],
  ['prepared', false, 'prepared'],
  ['run', true, 'running'],
  ['run', false, 'exited'],
  ['exited-garbage', true, 'exited deleting'],
  ['exited-garbage', false, 'exited garbage'],
  ['garbage', true, 'deleting'],
  ['garbage', false, 'garbage'],
] as const)('phase %s, locked %s: %s', (phase, locked, state) => {
  expect(stateOf(phase, locked)).toBe(state);
});

test('only pods that ran have exited', () => {
  expect(hasExited('exited')).toBe(true);
  expect(hasExited('exited garbage')).toBe(true);
  expect(hasExited('running')).toBe(false);
  expect(hasExited('aborted prepare')).toBe(false);
});
