import { expect, test } from '@jest/globals';
import { Budget } from '../../../runtime/image/docker/budget.ts';

const tooMuch = 'the image unpacks to more than 100 bytes, nine tenths of what is free';

test('layers take from one budget', () => {
  const budget = Budget.of(100);
  budget.attempt().takeBytes(60);
  expect(() => budget.attempt().takeBytes(41)).toThrow(tooMuch);
});

test('what an attempt took that is begun anew can be taken again', () => {
  const budget = Budget.of(100);
  for (let times = 0; times < 5; times++) {
    const attempt = budget.attempt();
    attempt.takeEntry();
    attempt.takeBytes(60);
    attempt.undo();
    attempt.undo();
  }
  const last = budget.attempt();
  last.takeBytes(100);
  expect(() => last.takeBytes(1)).toThrow(tooMuch);
});
