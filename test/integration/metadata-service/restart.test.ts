import { beforeAll, describe, expect, test } from '@jest/globals';
import { uuidOf } from '../../unit/metadata-service/fixtures.ts';
import { runScenario } from './run-scenario.ts';

interface Restart {
  killed: string;
  afterKill: Record<string, string | number>;
  rotated: { version: number };
  stopped: number;
  afterStop: Record<string, string | number | boolean>;
  afterEnd: string;
  again: string;
}

describe('a service that is started again', () => {
  let run: Restart;
  beforeAll(() => {
    run = runScenario<Restart>('restart');
  });

  test('after kill -9 serves the pods that live, and knows signatures from before', () => {
    expect(run.killed).toBe('SIGKILL');
    expect(run.afterKill).toEqual({
      said: 'ready',
      one: uuidOf(1),
      two: 'unknown_caller',
      annotations: 200,
      verified: 200,
    });
  });

  test('after SIGTERM serves them as well, with the newest key and the old ones', () => {
    expect([run.stopped, run.rotated]).toEqual([0, { version: 2 }]);
    expect(run.afterStop).toEqual({
      said: 'ready',
      one: uuidOf(1),
      keyChanged: true,
      signsWithNewKey: true,
      verifiesOld: 200,
    });
  });

  test('notices the end of a pod whose connection it never had, and lets it come again', () => {
    expect([run.afterEnd, run.again]).toEqual(['unknown_caller', 'registered']);
  });
});
