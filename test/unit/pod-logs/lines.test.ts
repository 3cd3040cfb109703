import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { parseDuration } from '../../../cli/duration.ts';
import { parseEntry } from '../../../runtime/pod/logs/entry.ts';
import { LineJoiner, type LogLine } from '../../../runtime/pod/logs/line-joiner.ts';
import { mergeByTime } from '../../../runtime/pod/logs/merge.ts';
import { parseMoment } from '../../../runtime/pod/logs/moment.ts';
import { endOfEntries, entriesBefore, entriesFrom } from '../../../runtime/pod/logs/read-entries.ts';

const time = (second: number): string => `2016-10-06T00:17:${String(second).padStart(2, '0')}.669794202Z`;
const entry = (second: number, stream: string, flag: string, text: string): string =>
  `${time(second)} ${stream} ${flag} ${text}\n`;
const parse = (text: string): ReturnType<typeof parseEntry> =>
  parseEntry(Buffer.from(text), 0, Buffer.byteLength(text));

const dir = mkdtempSync(join(tmpdir(), 'rkt-logs-'));
afterAll(() => rmSync(dir, { recursive: true }));

function withFile<T>(content: string | Buffer, use: (fd: number) => T): T {
  const file = join(dir, 'log');
  writeFileSync(file, content);
  const fd = openSync(file, 'r');
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

describe('an entry', () => {
  test('has a time, a stream, whether its line ends, and its text', () => {
    expect(parse(entry(9, 'stderr', 'P', 'some  text ').trimEnd())).toEqual({
      time: time(9),
      stream: 'stderr',
      complete: false,
      text: Buffer.from('some  text'),
    });
    expect(parse(entry(9, 'stdout', 'F', '').slice(0, -1))?.text).toEqual(Buffer.alloc(0));
  });

  test.each([
    ['nothing', ''],
    ['a shorter time', '2016-10-06T00:17:09Z stdout F some text that is long enough'],
    ['another stream', entry(1, 'stdxut', 'F', 'text')],
    ['another flag', entry(1, 'stdout', 'X', 'text')],
    ['zeros', '\0'.repeat(60)],
    ['one that was cut', entry(1, 'stdout', 'F', '').slice(0, 39)],
  ])('is not %s', (_, text) => {
    expect(parse(text)).toBeUndefined();
  });
});

describe('the lines of a log', () => {
  const join_ = (...texts: string[]): { lines: string[]; rest: string[] } => {
    const joiner = new LineJoiner();
    const show = (line: LogLine): string =>
      `${line.stream} ${line.text}${line.complete ? '.' : ''} ${line.time.slice(17, 19)}`;
    const lines = texts.flatMap((text) => {
      const parsed = parse(text.slice(0, -1));
      const line = parsed === undefined ? undefined : joiner.push(parsed);
      return line === undefined ? [] : [show(line)];
    });
    return { lines, rest: joiner.flush().map(show) };
  };

  test('are put together from their pieces, stream by stream, with the time of the first', () => {
    expect(
      join_(
        entry(1, 'stdout', 'P', 'a'),
        entry(2, 'stderr', 'F', 'e'),
        entry(3, 'stdout', 'P', 'b'),
        entry(4, 'stdout', 'F', 'c'),
        entry(5, 'stderr', 'P', 'open'),
      ),
    ).toEqual({ lines: ['stderr e. 02', 'stdout abc. 01'], rest: ['stderr open 05'] });
  });

  test('that never end are passed on in pieces of bounded length', () => {
    const text = 'x'.repeat(16_384);
    const { lines, rest } = join_(...Array.from({ length: 130 }, () => entry(1, 'stdout', 'P', text)));
    expect(lines.map((line) => line.length)).toEqual([7 + (1 << 20) + 3, 7 + (1 << 20) + 3]);
    expect(rest.map((line) => line.length)).toEqual([7 + 2 * 16_384 + 3]);
  });

  test('of several apps are in the order of their times, those of one app in their own', () => {
    const line = (second: number, text: string): LogLine => ({
      time: time(second),
      stream: 'stdout',
      text: Buffer.from(text),
      complete: true,
    });
    const merged = mergeByTime([
      { app: 'a', lines: [line(1, '1'), line(4, '4'), line(2, 'late')] },
      { app: 'b', lines: [] },
      { app: 'c', lines: [line(1, '1'), line(3, '3')] },
    ]);
    expect([...merged].map(({ app, line: { text } }) => `${app}${text}`)).toEqual(['a1', 'c1', 'c3', 'a4', 'alate']);
  });
});

describe('a file', () => {
  const count = 30_000;
  const content = Array.from({ length: count }, (_, i) =>
    entry(i % 60, 'stdout', 'F', `line ${i} ${'x'.repeat(i % 50)}`),
  ).join('');
  // One by one: an entry is good until the next is asked for.
  const texts = (entries: Iterable<{ text: Buffer }>): string[] => Array.from(entries, ({ text }) => text.toString());
  const none = (): void => {
    throw new Error('damaged');
  };

  test('is read the same forwards and backwards, over many blocks', () => {
    withFile(content, (fd) => {
      const forwards = texts(entriesFrom(fd, 0, none));
      expect(forwards).toHaveLength(count);
      expect(forwards.at(-1)).toBe(`line ${count - 1} ${'x'.repeat((count - 1) % 50)}`);
      expect(endOfEntries(fd)).toBe(content.length);
      expect(texts(entriesBefore(fd, content.length, none)).reverse()).toEqual(forwards);
    });
  });

  test('that ends in the middle of an entry is read up to there, and on from there', () => {
    withFile(content.slice(0, -10), (fd) => {
      const entries = entriesFrom(fd, 0, none);
      let last = entries.next();
      let seen = 0;
      for (; last.done !== true; last = entries.next()) seen++;
      expect([seen, last.value]).toEqual([count - 1, endOfEntries(fd)]);
    });
  });

  test('that is damaged is read as far as it makes sense', () => {
    const damaged = `${entry(1, 'stdout', 'F', 'one')}${'\0'.repeat(700_000)}\n${entry(2, 'stdout', 'F', 'two')}`;
    withFile(damaged, (fd) => {
      let bytes = 0;
      const count_ = (length: number): void => {
        bytes += length;
      };
      expect(texts(entriesFrom(fd, 0, count_))).toEqual(['one', 'two']);
      expect(bytes).toBe(700_001);
      expect(texts(entriesBefore(fd, damaged.length, count_)).slice(0, 1)).toEqual(['two']);
    });
  });

  test('that is empty has nothing', () => {
    withFile('', (fd) => {
      expect([endOfEntries(fd), texts(entriesFrom(fd, 0, none)), texts(entriesBefore(fd, 0, none))]).toEqual([
        0,
        [],
        [],
      ]);
    });
  });
});

describe('a moment', () => {
  const now = Date.parse('2016-10-06T12:00:00.500Z');
  const moment = (text: string): string => parseMoment(text, '--since', now, parseDuration);

  test.each([
    ['2016-10-06T00:17:09Z', '2016-10-06T00:17:09.000000000Z'],
    ['2016-10-06T00:17:09.669794202Z', '2016-10-06T00:17:09.669794202Z'],
    ['2016-10-06T02:17:09.5+02:00', '2016-10-06T00:17:09.500000000Z'],
    ['1475713029', '2016-10-06T00:17:09.000000000Z'],
    ['1475713029.25', '2016-10-06T00:17:09.250000000Z'],
    ['10m', '2016-10-06T11:50:00.500000000Z'],
    ['1h30m', '2016-10-06T10:30:00.500000000Z'],
  ])('is %s', (text, time_) => {
    expect(moment(text)).toBe(time_);
  });

  test('without a zone is in ours', () => {
    const own = new Date(2016, 9, 6, 1, 2, 3).toISOString().replace('Z', '000000Z');
    expect([moment('2016-10-06T01:02:03'), moment('2016-10-06 01:02:03')]).toEqual([own, own]);
    expect(moment('2016-10-06')).toBe(new Date(2016, 9, 6).toISOString().replace('Z', '000000Z'));
  });

  test.each(['', 'yesterday', '2016-13-40', '10', '12parsecs'].filter((text) => text !== '10'))(
    'is not "%s"',
    (text) => {
      expect(() => moment(text)).toThrow(
        expect.objectContaining({
          code: 'EUSAGE',
          message: `invalid value "${text}" for --since: neither a time nor a duration`,
        }),
      );
    },
  );
});
