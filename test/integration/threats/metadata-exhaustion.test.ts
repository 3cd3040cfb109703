import { beforeAll, describe, expect, test } from '@jest/globals';
import { runScenario } from '../metadata-service/run-scenario.ts';

interface Exhaustion {
  occupied: { statuses: (number | string)[]; refused: string; other: boolean };
  large: Record<string, number | string>;
  unread: { lost: boolean; other: boolean; grownMiB: number };
  flooded: { answered: number; limited: number; other: boolean };
  pipelined: number;
  after: boolean;
}

describe('a pod that uses up what it can', () => {
  let run: Exhaustion;
  beforeAll(() => {
    run = runScenario<Exhaustion>('exhaustion');
  });

  test('gets 64 connections; slow headers, slow bodies and silence end with 408, idleness after an answer without a word', () => {
    expect(run.occupied).toEqual({ statuses: [408, 408, 408, 200], refused: '', other: true });
  });

  test('gets 413 for a body that is announced, sent or chunked too large, and 431 for headers', () => {
    expect(run.large).toEqual({ announced: 413, sent: 413, chunked: 413, headers: 431 });
  });

  test('is disconnected if it never reads, and what it asked for is not piled up', () => {
    expect(run.unread).toMatchObject({ lost: true, other: true });
    // 180 MiB were asked for; what remains is the noise of a heap.
    expect(run.unread.grownMiB).toBeLessThan(128);
  });

  test('gets 429 above its allowance, while another pod is served', () => {
    expect(run.flooded.answered).toBeGreaterThanOrEqual(1_000);
    expect(run.flooded.limited).toBeGreaterThanOrEqual(1);
    expect(run.flooded.other).toBe(true);
  });

  test('is disconnected if it does not wait for answers', () => {
    expect(run.pipelined).toBeLessThanOrEqual(16);
  });

  test('leaves nothing behind that another pod would notice', () => {
    expect(run.after).toBe(true);
  });
});
