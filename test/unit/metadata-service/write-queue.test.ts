import { describe, expect, test } from '@jest/globals';
import { type WriteOperation, WriteQueue } from '../../../metadata-service/write-queue.ts';

const put = (key: string): WriteOperation => ({ type: 'put', key, value: '' });

/** A commit that the test lets finish, one batch at a time. */
function createDisk() {
  const batches: { keys: string[]; finish: (error?: Error) => void }[] = [];
  let started: (() => void) | undefined;
  return {
    batches,
    commit: (operations: WriteOperation[]) =>
      new Promise<void>((resolve, reject) => {
        const finish = (error?: Error) => (error === undefined ? resolve() : reject(error));
        batches.push({ keys: operations.map(({ key }) => key), finish });
        started?.();
      }),
    nextBatch: () =>
      new Promise<void>((resolve) => {
        started = resolve;
      }),
  };
}

describe('WriteQueue', () => {
  test('what comes while a write is under way shares the next, in order', async () => {
    const disk = createDisk();
    const queue = new WriteQueue(disk.commit);
    let starts = disk.nextBatch();
    const first = queue.write(put('a'));
    await starts;
    const rest = ['b', 'c', 'd'].map((key) => queue.write(put(key)));
    expect(disk.batches.map(({ keys }) => keys)).toEqual([['a']]);
    starts = disk.nextBatch();
    disk.batches[0]?.finish();
    await first;
    await starts;
    expect(disk.batches.map(({ keys }) => keys)).toEqual([['a'], ['b', 'c', 'd']]);
    disk.batches[1]?.finish();
    await Promise.all(rest);
    await queue.idle();
  });

  test('a failure reaches those who wrote, and not those who write next', async () => {
    const disk = createDisk();
    const queue = new WriteQueue(disk.commit);
    const starts = disk.nextBatch();
    const first = queue.write(put('a'));
    await starts;
    const second = queue.write(put('b'));
    const startsAgain = disk.nextBatch();
    disk.batches[0]?.finish(new Error('no space left on device'));
    await expect(first).rejects.toThrow('no space left on device');
    await startsAgain;
    disk.batches[1]?.finish();
    await expect(second).resolves.toBeUndefined();
  });

  test('idle waits for everything, and does not mind a failure', async () => {
    const disk = createDisk();
    const queue = new WriteQueue(disk.commit);
    const starts = disk.nextBatch();
    const write = expect(queue.write(put('a'))).rejects.toThrow('gone');
    await starts;
    const idle = queue.idle();
    disk.batches[0]?.finish(new Error('gone'));
    await idle;
    await write;
  });
});
