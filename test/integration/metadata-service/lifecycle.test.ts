import { beforeAll, describe, expect, test } from '@jest/globals';
import { addressOf, imageId, imageManifest, podManifestOf, uuidOf } from '../../unit/metadata-service/fixtures.ts';
import { runScenario } from './run-scenario.ts';

interface HostState {
  address: boolean;
  table: boolean;
}

interface Lifecycle {
  said: string[];
  before: HostState;
  documents: [string, number, string, string][];
  verified: { same: number; altered: number };
  identities: Record<string, string>;
  listed: [string, number][];
  pids: number[];
  afterKill: string;
  deleted: number;
  afterDelete: string;
  afterReturn: string;
  crowd: string[];
  stopped: number | string;
  after: HostState & { socket: boolean; run: string[] };
}

describe('pods of a running service', () => {
  let run: Lifecycle;
  beforeAll(() => {
    run = runScenario<Lifecycle>('lifecycle');
  });

  test('register with the client of the runtime', () => {
    expect(run.said).toEqual(['ready', 'registered', 'registered', 'registered', 'registered']);
    expect(run.before).toEqual({ address: true, table: true });
  });

  test('read what they are, with the content types of the specification', () => {
    const text = 'text/plain; charset=us-ascii';
    const json = 'application/json';
    const merged = [
      { name: 'created', value: '2026-01-02T03:04:05Z' },
      { name: 'example.com/tier', value: 'pod' },
      { name: 'example.com/pod', value: '1' },
    ];
    expect(run.documents).toEqual([
      ['pod/uuid', 200, text, uuidOf(1)],
      ['pod/manifest', 200, json, podManifestOf(1)],
      ['pod/annotations', 200, json, JSON.stringify([{ name: 'ip-address', value: addressOf(1) }])],
      ['apps/worker/annotations', 200, json, JSON.stringify(merged)],
      ['apps/worker/image/manifest', 200, json, imageManifest],
      ['apps/worker/image/id', 200, text, imageId],
    ]);
  });

  test('are told apart by address and token', () => {
    expect(run.identities).toEqual({ one: uuidOf(1), two: uuidOf(2), hostNetwork: uuidOf(3) });
    expect(run.crowd).toEqual(Array.from({ length: 20 }, (_, i) => uuidOf(10 + i)));
  });

  test('verify what another has signed', () => {
    expect(run.verified).toEqual({ same: 200, altered: 403 });
  });

  test('are listed with the process that registered them, which is their monitor', () => {
    expect(run.listed).toEqual([1, 2, 3].map((n, i) => [uuidOf(n), run.pids[i]]));
  });

  test('are unknown as soon as their monitor has ended, or gc has deleted them, and can come again', () => {
    expect(run.afterKill).toBe('unknown_caller');
    expect([run.deleted, run.afterDelete]).toEqual([200, 'unknown_caller']);
    expect(run.afterReturn).toBe(uuidOf(1));
  });

  test('leave the host as it was when the service is stopped', () => {
    expect(run.stopped).toBe(0);
    expect(run.after).toEqual({ address: false, table: false, socket: false, run: ['networks'] });
  });
});
