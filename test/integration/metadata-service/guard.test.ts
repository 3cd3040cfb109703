import { expect, test } from '@jest/globals';
import { runScenario } from './run-scenario.ts';

test('the table that guards the address stays while the service or a pod needs it, and no longer', () => {
  expect(runScenario('guard')).toEqual({
    up: true,
    afterPod: true,
    stopped: false,
    stoppedWithPod: true,
    afterLast: false,
    afterKill: true,
    end: false,
  });
});
