import { beforeAll, describe, expect, test } from '@jest/globals';
import { uuidOf } from '../../unit/metadata-service/fixtures.ts';
import { runScenario } from '../metadata-service/run-scenario.ts';

interface Impersonation {
  refused: Record<string, string>;
  forgery: number;
  registration: { root: boolean; nobody: string; rootInPod: string };
  reused: Record<string, string>;
}

describe('somebody who claims to be another pod', () => {
  let run: Impersonation;
  beforeAll(() => {
    run = runScenario<Impersonation>('impersonation');
  });

  test('is refused, whether by address, token or guess', () => {
    expect(run.refused).toEqual({
      strangerByAddress: 'unknown_caller',
      strangerByStolenToken: 'token_mismatch',
      hostByStolenToken: 'token_mismatch',
      podByStolenToken: 'token_mismatch',
      podByTokenOfHostPod: 'token_mismatch',
      podByGuess: 'unknown_token',
      uuidAsToken: 'unknown_token',
      withoutNeededToken: 'token_required',
    });
  });

  test('cannot sign for it', () => {
    expect(run.forgery).toBe(403);
  });

  test('cannot register pods, even where the socket is open to all or reachable from a pod', () => {
    expect(run.registration).toEqual({ root: true, nobody: 'not_root', rootInPod: 'not_on_host' });
  });

  test('does not get its data by its address: neither while it lives nor after', () => {
    expect(run.reused).toEqual({
      taken: expect.stringContaining(`The address belongs to another pod that is alive. It is ${uuidOf(1)}.`),
      stillFirst: uuidOf(1),
      gone: 'unknown_caller',
      second: 'registered',
      now: uuidOf(6),
      oldToken: 'unknown_token',
      newToken: uuidOf(6),
    });
  });
});
