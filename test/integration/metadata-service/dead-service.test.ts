import { expect, test } from '@jest/globals';
import { runScenario } from './run-scenario.ts';

const clean = { address: false, note: false, socket: false, tables: '' };

test('what a killed service has left is removed; a living one, pods, the administrator and systemd keep theirs', () => {
  const up = { address: true, note: true, socket: true };
  expect(runScenario('dead-service')).toEqual({
    never: false,
    living: { removed: false, state: { ...up, tables: 'table ip rkt\ntable ip rkt-metadata' } },
    left: { ...up, tables: 'table ip rkt' },
    collected: { removed: [true, false], state: clean },
    withPod: { removed: true, state: { ...clean, tables: 'table ip rkt' } },
    withoutPod: clean,
    theirs: { removed: true, state: { ...clean, address: true } },
    activated: { removed: true, state: { ...clean, address: true, socket: true } },
  });
});
