import { describe, expect, test } from '@jest/globals';
import { quiet } from '../../../runtime/base/log.ts';
import { createProgress, formatBytes, formatTransfer, logBeside } from '../../../runtime/image/progress.ts';

describe('amounts', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 KB'],
    [3_250_000, '3.25 MB'],
    [3_700_000, '3.7 MB'],
    [999_499, '999 KB'],
    [999_500, '1 MB'],
    [1_234_567_890, '1.23 GB'],
    [2 ** 53, '9.01 PB'],
  ])('%i is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test('a transfer is a bar and two amounts', () => {
    expect(formatTransfer('Downloading aci', 3_250_000, 3_700_000)).toBe(
      'Downloading aci: [=======================================      ] 3.25 MB/3.7 MB',
    );
  });

  test('of an unknown total only what is here is told; an empty file is complete, an overfull one no more than that', () => {
    expect(formatTransfer('Downloading aci', 1500, undefined)).toBe('Downloading aci: 1.5 KB');
    expect(formatTransfer('x', 0, 0)).toBe(`x: [${'='.repeat(45)}] 0 B/0 B`);
    expect(formatTransfer('x', 20, 10)).toBe(`x: [${'='.repeat(45)}] 20 B/10 B`);
  });
});

/** A progress whose clock is the test's. */
function make(terminal: boolean) {
  const written: string[] = [];
  let now = 0;
  const progress = createProgress({ write: (text) => written.push(text), terminal, now: () => now });
  return {
    progress,
    written,
    take: () => written.splice(0).join(''),
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

const bar = (done: number): string => formatTransfer('aci', done, 100);

describe('without a terminal', () => {
  test('a line tells that a transfer is over, once', () => {
    const { progress, take } = make(false);
    const transfer = progress.begin('aci', 100);
    transfer.advance(60);
    transfer.restart();
    transfer.advance(100);
    expect(take()).toBe('');
    transfer.end();
    transfer.end();
    expect(take()).toBe(`${bar(100)}\n`);
  });

  test('a long one is told of now and then', () => {
    const { progress, take, pass } = make(false);
    const transfer = progress.begin('aci', 100);
    pass(9_999);
    transfer.advance(10);
    expect(take()).toBe('');
    pass(1);
    transfer.advance(10);
    transfer.advance(10);
    expect(take()).toBe(`${bar(20)}\n`);
  });

  test('other lines stand where they are written', () => {
    const { progress, take } = make(false);
    progress.line('Downloading signature from https://example.com');
    expect(take()).toBe('Downloading signature from https://example.com\n');
  });
});

describe('on a terminal', () => {
  const up = (lines: number): string => `\x1b[${lines}A\r\x1b[J`;

  test('a bar is drawn in place, not more often than can be seen, and stays in the end', () => {
    const { progress, take, pass } = make(true);
    const transfer = progress.begin('aci', 100);
    expect(take()).toBe(`${bar(0)}\n`);
    transfer.advance(10);
    expect(take()).toBe('');
    pass(100);
    transfer.advance(10);
    expect(take()).toBe(`${up(1)}${bar(20)}\n`);
    transfer.advance(80);
    transfer.end();
    expect(take()).toBe(`${up(1)}${bar(100)}\n`);
    progress.begin('aci', 100);
    expect(take()).toBe(`${bar(0)}\n`);
  });

  test('several bars stand below each other until the last is over', () => {
    const { progress, take, pass } = make(true);
    const [first, second] = [progress.begin('aci', 100), progress.begin('aci', 100)];
    take();
    first.advance(100);
    first.end();
    expect(take()).toBe(`${up(2)}${bar(100)}\n${bar(0)}\n`);
    pass(100);
    second.advance(50);
    expect(take()).toBe(`${up(2)}${bar(100)}\n${bar(50)}\n`);
    second.end();
    take();
    progress.begin('aci', 100);
    expect(take()).toBe(`${bar(0)}\n`);
  });

  test('log lines go above the bars', () => {
    const { progress, written, take } = make(true);
    const log = logBeside({ ...quiet, warn: (message) => written.push(`rkt: warning: ${message}\n`) }, progress);
    progress.begin('aci', 100);
    take();
    log.warn('slow');
    expect(take()).toBe(`${up(1)}rkt: warning: slow\n${bar(0)}\n`);
  });
});
