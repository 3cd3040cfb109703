import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { IdleWatch } from '../../../metadata-service/idle.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

function create() {
  const onIdle = jest.fn<() => void>();
  return { onIdle, watch: new IdleWatch(30_000, onIdle) };
}

describe('IdleWatch', () => {
  test('gives up when no pod came', () => {
    const { onIdle } = create();
    jest.advanceTimersByTime(29_999);
    expect(onIdle).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    expect(onIdle).toHaveBeenCalledTimes(1);
  });

  test('waits as long as there are pods, and ends with the last', () => {
    const { onIdle, watch } = create();
    watch.update(1);
    watch.update(2);
    jest.advanceTimersByTime(1_000_000);
    watch.update(1);
    jest.advanceTimersByTime(1_000_000);
    expect(onIdle).not.toHaveBeenCalled();
    watch.update(0);
    jest.advanceTimersByTime(0);
    expect(onIdle).toHaveBeenCalledTimes(1);
  });

  test('a pod that takes the place of the last one keeps it going', () => {
    const { onIdle, watch } = create();
    watch.update(1);
    watch.update(0);
    watch.update(1);
    jest.advanceTimersByTime(1_000_000);
    expect(onIdle).not.toHaveBeenCalled();
  });
});
