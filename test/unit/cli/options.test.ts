import { describe, expect, test } from '@jest/globals';
import { parseDuration } from '../../../cli/duration.ts';
import {
  getDuration,
  getList,
  getSwitch,
  getValue,
  type Option,
  OptionSet,
  reader,
  takeOption,
} from '../../../cli/options.ts';
import { nearest } from '../../../runtime/base/nearest.ts';

const options: readonly Option[] = [
  { name: 'debug', type: 'switch', description: '' },
  { name: 'dir', type: 'value', placeholder: 'DIR', default: '/var/lib/rkt', description: '' },
  { name: 'private-net', type: 'value', placeholder: 'NETS', bare: 'default', description: '' },
  { name: 'set-env', type: 'list', placeholder: 'X', description: '' },
  { name: 'grace-period', type: 'duration', placeholder: 'D', default: '30m0s', description: '' },
];

/** Takes words as options until the first that is none. */
function take(...words: string[]): { set: OptionSet; stopped: string | undefined } {
  const set = new OptionSet(options);
  const rest = reader(words);
  let word = rest.next();
  while (word !== undefined && takeOption(word, rest, [set], { command: 'run' })) word = rest.next();
  return { set, stopped: word };
}

describe('options in the manner of Go', () => {
  test.each([
    ['--debug', true],
    ['-debug', true],
    ['--debug=true', true],
    ['--debug=T', true],
    ['-debug=0', false],
    ['--debug=false', false],
  ])('switch %s', (word, value) => {
    expect(getSwitch(take(word).set.values(), 'debug')).toBe(value);
  });

  test('a value follows after = or as the next word', () => {
    expect(getValue(take('--dir=/a=b').set.values(), 'dir')).toBe('/a=b');
    expect(getValue(take('-dir', '/c').set.values(), 'dir')).toBe('/c');
    expect(getValue(take('--dir', '--debug').set.values(), 'dir')).toBe('--debug');
    expect(getValue(take('--dir=').set.values(), 'dir')).toBe('');
  });

  test('a letter stands for its option after one dash, and for nothing else', () => {
    const set = new OptionSet([
      { name: 'follow', short: 'f', type: 'switch', description: '' },
      { name: 'tail', short: 'n', type: 'value', placeholder: 'N', description: '' },
    ]);
    const taken = (...words: string[]): boolean =>
      takeOption(words[0] as string, reader(words.slice(1)), [set], { command: 'logs' });
    expect([taken('-f'), taken('-n', '5'), getSwitch(set.values(), 'follow'), getValue(set.values(), 'tail')]).toEqual([
      true,
      true,
      true,
      '5',
    ]);
    expect([taken('-follow=false'), getSwitch(set.values(), 'follow')]).toEqual([true, false]);
    for (const word of ['--f', '-fn', '-x']) {
      expect(() => taken(word)).toThrow(`unknown option "${word}" for "rkt logs"`);
    }
  });

  test('an option with a bare form takes no next word', () => {
    const { set, stopped } = take('--private-net', 'image');
    expect(getValue(set.values(), 'private-net')).toBe('default');
    expect(stopped).toBe('image');
    expect(getValue(take('--private-net=none').set.values(), 'private-net')).toBe('none');
  });

  test('defaults stand in, and do not count as set', () => {
    const { set } = take();
    expect(getValue(set.values(), 'dir')).toBe('/var/lib/rkt');
    expect(getDuration(set.values(), 'grace-period')).toBe(1_800_000);
    expect([set.isSet('dir'), take('--dir=/x').set.isSet('dir')]).toEqual([false, true]);
  });

  test('lists grow in order, the last of other options wins', () => {
    const { set } = take('--set-env=A=1', '--set-env', 'B=2', '--dir=/a', '--dir=/b');
    expect(getList(set.values(), 'set-env')).toEqual(['A=1', 'B=2']);
    expect(getValue(set.values(), 'dir')).toBe('/b');
  });

  test.each(['-', 'image', '', './x.aci', '--', '---'])('%j is not an option', (word) => {
    expect(take(word).stopped).toBe(word);
  });

  test.each([
    [['--debgu'], 'unknown option "--debgu" for "rkt run"', 'did you mean --debug?'],
    [['--frobnicate=1'], 'unknown option "--frobnicate" for "rkt run"', 'see "rkt help run"'],
    [['--dir'], 'option --dir needs a value', undefined],
    [['--debug=maybe'], 'invalid value "maybe" for --debug: must be true or false', undefined],
    [
      ['--grace-period=soon'],
      'invalid value "soon" for --grace-period: not a duration',
      'write it as numbers with units, for example 30m0s, 24h or 500ms',
    ],
  ])('%j is refused', (words, message, hint) => {
    expect(() => take(...words)).toThrow(expect.objectContaining({ message, code: 'EUSAGE', hint }));
  });

  test.each([
    [['--dir=/a', '--dir=/b'], 'option --dir is given twice'],
    [['--dir='], 'option --dir needs a value'],
    [['--private-net='], 'option --private-net needs a value'],
    [['--set-env='], 'option --set-env needs a value'],
    [['--grace-period=1s', '--grace-period=1s'], 'option --grace-period is given twice'],
  ])('%j is refused by a strict set', (words, message) => {
    const set = new OptionSet(options, { strict: true });
    const rest = reader(words);
    const takeAll = (): void => {
      for (let word = rest.next(); word !== undefined; word = rest.next()) {
        takeOption(word, rest, [set], { command: 'run' });
      }
    };
    expect(takeAll).toThrow(expect.objectContaining({ message, code: 'EUSAGE' }));
  });

  test('the near miss is near', () => {
    expect(nearest('statsu', ['status', 'list'])).toBe('status');
    expect(nearest('xyz', ['status', 'list'])).toBeUndefined();
  });
});

describe('durations', () => {
  test.each([
    ['30m0s', 1_800_000],
    ['1h', 3_600_000],
    ['1.5s', 1500],
    ['250ms', 250],
    ['0', 0],
    ['0s', 0],
    ['-2s', -2000],
    ['1h2m3s4ms', 3_723_004],
  ])('%s', (text, milliseconds) => {
    expect(parseDuration(text, '--x')).toBe(milliseconds);
  });

  test.each(['', '5', 's', '1x', '1h ', '1,5s'])('%j is refused', (text) => {
    expect(() => parseDuration(text, '--x')).toThrow(`invalid value "${text}" for --x: not a duration`);
  });
});
