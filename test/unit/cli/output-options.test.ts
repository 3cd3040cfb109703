import { describe, expect, test } from '@jest/globals';
import { OptionSet, reader, takeOption } from '../../../cli/options.ts';
import { logOptions, outputSettingsOf } from '../../../cli/pod-options/log-options.ts';
import { streamOptions, streamsOf } from '../../../cli/pod-options/stream-options.ts';

function valuesOf(options: typeof logOptions, ...words: string[]): ReturnType<OptionSet['values']> {
  const set = new OptionSet(options);
  const rest = reader(words);
  for (let word = rest.next(); word !== undefined; word = rest.next())
    takeOption(word, rest, [set], { command: 'run' });
  return set.values();
}

describe('--prefix and --log-opt', () => {
  const settings = (...words: string[]) => outputSettingsOf(valuesOf(logOptions, ...words));

  test.each([
    [[], { prefix: 'auto' }],
    [['--prefix=never'], { prefix: 'never' }],
    [['--log-opt=max-size=0'], { prefix: 'auto', logSize: 0 }],
    [['--log-opt', 'max-size=10m', '--log-opt', 'max-file=3'], { prefix: 'auto', logSize: 10 << 20, logFiles: 2 }],
    [['--log-opt=max-size=64KB'], { prefix: 'auto', logSize: 65_536 }],
    [['--log-opt=max-size=2g', '--log-opt=max-file=1'], { prefix: 'auto', logSize: 2 ** 31, logFiles: 0 }],
  ])('%j', (words, expected) => {
    expect(settings(...words)).toEqual(expected);
  });

  test.each([
    ['--prefix=maybe', 'invalid value "maybe" for --prefix'],
    ['--log-opt=max-size=100', 'invalid value "100" for --log-opt max-size'],
    ['--log-opt=max-size=-1', 'invalid value "-1" for --log-opt max-size'],
    ['--log-opt=max-file=0', 'invalid value "0" for --log-opt max-file'],
    ['--log-opt=max-file=1002', 'invalid value "1002" for --log-opt max-file'],
    ['--log-opt=compress=true', 'unknown option "compress" for --log-opt'],
    ['--log-opt=max-size', 'invalid value "" for --log-opt max-size'],
  ])('not %s', (word, message) => {
    expect(() => settings(word)).toThrow(expect.objectContaining({ code: 'EUSAGE', message }));
  });
});

describe('--stdin, --stdout and --stderr', () => {
  const streams = (...words: string[]) => streamsOf(valuesOf(streamOptions, ...words));

  test('take modes', () => {
    expect(streams('--stdin=stream', '--stderr', 'null')).toEqual({ stdin: 'stream', stderr: 'null' });
    expect(streams('--stdout=log', '--stdin=inherit')).toEqual({ stdin: 'inherit', stdout: 'log' });
    expect(streams()).toEqual({});
  });

  test.each([
    ['--stdin=log', 'invalid value "log" for --stdin', 'it takes one of null, inherit, stream, tty'],
    ['--stdout=inherit', 'invalid value "inherit" for --stdout', 'it takes one of null, log, stream, tty'],
    ['--stderr=toString', 'invalid value "toString" for --stderr', 'it takes one of null, log, stream, tty'],
  ])('not %s', (word, message, hint) => {
    expect(() => streams(word)).toThrow(expect.objectContaining({ code: 'EUSAGE', message, hint }));
  });
});
