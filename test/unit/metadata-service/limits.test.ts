import { describe, expect, test } from '@jest/globals';
import { RateLimiter, TokenBucket } from '../../../metadata-service/limits.ts';
import { limitsWith } from './fixtures.ts';

describe('TokenBucket', () => {
  test('gives the burst at once, then as many as time has brought', () => {
    const bucket = new TokenBucket(2, 3, 0);
    expect([bucket.take(0), bucket.take(0), bucket.take(0), bucket.take(0)]).toEqual([0, 0, 0, 1]);
    expect(bucket.take(499)).toBe(1);
    expect(bucket.take(500)).toBe(0);
    expect(bucket.take(500)).toBe(1);
  });

  test('never holds more than the burst, and says how long to wait', () => {
    const bucket = new TokenBucket(0.1, 1, 0);
    expect(bucket.take(1_000_000)).toBe(0);
    expect(bucket.take(1_000_000)).toBe(10);
  });

  test('a clock that goes back gives nothing', () => {
    const bucket = new TokenBucket(1, 1, 1_000);
    expect(bucket.take(1_000)).toBe(0);
    expect(bucket.take(0)).toBe(1);
  });
});

describe('RateLimiter', () => {
  test('one pod, and all who are none, use up only their own', () => {
    const limiter = new RateLimiter(limitsWith({ requestsPerSecond: 1, requestBurst: 2 }), () => 0);
    const [one, other] = [{}, {}];
    expect([limiter.take(one), limiter.take(one), limiter.take(one)]).toEqual([0, 0, 1]);
    expect([limiter.take(undefined), limiter.take(undefined), limiter.take(undefined)]).toEqual([0, 0, 1]);
    expect([limiter.take(other), limiter.take(other)]).toEqual([0, 0]);
  });
});
