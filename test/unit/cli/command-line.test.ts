import { describe, expect, test } from '@jest/globals';
import { type Command, parseCommandLine } from '../../../cli/command.ts';
import { globalOptions } from '../../../cli/global-options.ts';
import { getList, getSwitch, getValue, OptionSet } from '../../../cli/options.ts';

const mount = { name: 'mount', type: 'list', placeholder: 'M', description: '' } as const;

const run: Command = {
  name: 'run',
  summary: '',
  usage: '[options] IMAGE',
  description: '',
  options: [{ name: 'private-net', type: 'value', placeholder: 'N', bare: 'default', description: '' }, mount],
  imageOptions: [mount, { name: 'name', type: 'value', placeholder: 'N', description: '' }],
  run: () => 0,
};

const parse = (...words: string[]) => parseCommandLine(run, words, new OptionSet(globalOptions));

describe('IMAGE -- args --- IMAGE -- args', () => {
  test('arguments belong to the image before them, whatever they look like', () => {
    const { apps } = parse('a', '--', '--loglevel', 'verbose', '--', '---', 'b', '--', '--interval', '30s');
    expect(apps.map(({ image, args }) => [image, args])).toEqual([
      ['a', ['--loglevel', 'verbose', '--']],
      ['b', ['--interval', '30s']],
    ]);
  });

  test('images without arguments follow each other directly', () => {
    const { apps } = parse('a', 'b', '---', 'c', '--');
    expect(apps.map(({ image, args }) => [image, args])).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['c', []],
    ]);
  });

  test('an option before the first image is the pod’s, after an image that image’s', () => {
    const { values, apps } = parse('--mount=pod', 'a', '--mount=a', '--name', 'x', 'b', '--mount=b');
    expect(getList(values, 'mount')).toEqual(['pod']);
    expect(apps.map((app) => [getList(app.values, 'mount'), getValue(app.values, 'name')])).toEqual([
      [['a'], 'x'],
      [['b'], undefined],
    ]);
  });

  test('pod options and global options are understood after an image too', () => {
    const globals = new OptionSet(globalOptions);
    const { values } = parseCommandLine(run, ['a', '--private-net', '--debug'], globals);
    expect(getValue(values, 'private-net')).toBe('default');
    expect(getSwitch(globals.values(), 'debug')).toBe(true);
  });

  test.each([
    [['--', 'x'], '"--" must follow an image', 'the form is: rkt run [options] IMAGE'],
    [['---'], '"---" must follow an image', 'the form is: rkt run [options] IMAGE'],
    [['--name=x', 'a'], 'option --name must follow an image', 'the form is: rkt run IMAGE --name=…'],
    [['--nmae=x', 'a'], 'unknown option "--nmae" for "rkt run"', 'did you mean --name?'],
    [['a', '--nmae=x'], 'unknown option "--nmae" for "rkt run"', 'did you mean --name?'],
    [
      ['a', '--frobnicate'],
      'unknown option "--frobnicate" for "rkt run"',
      'see "rkt help run"; what the app is to get stands after "--"',
    ],
    [['a', '--name=x', '--name=y'], 'option --name is given twice', undefined],
    [['a', '--name='], 'option --name needs a value', undefined],
    [['a', '--name', ''], 'option --name needs a value', undefined],
    [['a', '--name'], 'option --name needs a value', undefined],
  ])('%j is refused', (words, message, hint) => {
    expect(() => parse(...words)).toThrow(expect.objectContaining({ message, code: 'EUSAGE', hint }));
  });

  test('an option of another command names that command', () => {
    const prepare = { ...run, name: 'prepare', elsewhere: { 'run-prepared': [mount, { ...mount, name: 'detach' }] } };
    expect(() => parseCommandLine(prepare, ['--detach', 'a'], new OptionSet(globalOptions))).toThrow(
      expect.objectContaining({
        message: 'unknown option "--detach" for "rkt prepare"',
        hint: 'it is an option of "rkt run-prepared"',
      }),
    );
  });

  test('-h is --help', () => {
    const globals = new OptionSet(globalOptions);
    parseCommandLine(run, ['a', '-h'], globals);
    expect(getSwitch(globals.values(), 'help')).toBe(true);
  });

  test('the same option may stand once after each image', () => {
    const { apps } = parse('a', '--name=x', 'b', '--name=y');
    expect(apps.map(({ values }) => getValue(values, 'name'))).toEqual(['x', 'y']);
  });
});
