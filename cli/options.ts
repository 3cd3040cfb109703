/**
 * Options are declared once; parsing, help and the documentation check all read the same declaration.
 *
 * The grammar is that of Go's flag packages, which rkt's users know: `--name=value`, `--name value`, switches without a
 * value or with `=true`/`=false`, and one dash where two are usual (`-debug`, `-insecure-skip-verify`). A few options have a letter
 * as well (`-f`), which stands for itself: letters are not put together.
 */

import { RktError } from '../runtime/base/errors.ts';
import { nearest } from '../runtime/base/nearest.ts';
import { parseDuration } from './duration.ts';

interface OptionBase {
  readonly name: string;
  readonly description: string;
  /** A letter that stands for it after one dash: `-f`. */
  readonly short?: string;
  /** Understood, but not listed in help. */
  readonly hidden?: boolean;
  /** Heading that help lists it under. */
  readonly group?: string;
}

export interface SwitchOption extends OptionBase {
  readonly type: 'switch';
  /** What it is unless given; without it, "not given" can be told from "off". */
  readonly default?: boolean;
}

export interface ValueOption extends OptionBase {
  readonly type: 'value';
  /** Shown in help: `--dir=DIR`. */
  readonly placeholder: string;
  readonly default?: string;
  /** The value of the option when it stands without one (`--private-net`); such an option takes a value only after `=`. */
  readonly bare?: string;
}

export interface ListOption extends OptionBase {
  readonly type: 'list';
  readonly placeholder: string;
  /** Another name of this option, whose values it adds to. */
  readonly aliasOf?: string;
}

export interface DurationOption extends OptionBase {
  readonly type: 'duration';
  readonly placeholder: string;
  /** In Go's notation: `30m0s`. Without it, "not given" can be told. */
  readonly default?: string;
}

export type Option = SwitchOption | ValueOption | ListOption | DurationOption;

/** Options that help lists together. */
export const optionGroup = (group: string, options: readonly Option[]): Option[] =>
  options.map((option) => ({ ...option, group }));

/** Values by option name. A switch is a boolean, a duration milliseconds, a list an array in the order given. */
export type OptionValues = ReadonlyMap<string, boolean | string | number | readonly string[]>;

export const getSwitch = (values: OptionValues, name: string): boolean => values.get(name) === true;
/** On, off, or not given. */
export const getOptionalSwitch = (values: OptionValues, name: string): boolean | undefined => {
  const value = values.get(name);
  return typeof value === 'boolean' ? value : undefined;
};
export const getValue = (values: OptionValues, name: string): string | undefined => {
  const value = values.get(name);
  return typeof value === 'string' ? value : undefined;
};
export const getList = (values: OptionValues, name: string): readonly string[] => {
  const value = values.get(name);
  return Array.isArray(value) ? value : [];
};
export const getDuration = (values: OptionValues, name: string): number => {
  const value = values.get(name);
  return typeof value === 'number' ? value : 0;
};

/** An option as it stands on the command line, not yet looked up. */
interface Word {
  readonly name: string;
  /** One dash and one letter. */
  readonly short: boolean;
  readonly value: string | undefined;
}

/** The name of the option that `word` would be, as it is declared among `options`; undefined where it is none of them. */
export function optionNameOf(word: string, options: readonly Option[]): string | undefined {
  const written = asOption(word);
  if (written === undefined) return undefined;
  return options.find(({ name, short }) => name === written.name || (written.short && short === written.name))?.name;
}

/** `--name`, `-name`, `--name=value`; undefined for anything that is not an option (`-` alone is an argument). */
function asOption(word: string): Word | undefined {
  const match = /^(--?)([^-=][^=]*)(?:=([\s\S]*))?$/.exec(word);
  if (match === null) return undefined;
  const [, dashes, name, value] = match as unknown as [string, string, string, string | undefined];
  return { name, value, short: dashes === '-' && name.length === 1 };
}

const truths = new Map([
  ['true', true],
  ['1', true],
  ['t', true],
  ['false', false],
  ['0', false],
  ['f', false],
]);

function switchValue(option: Option, text: string): boolean {
  const value = truths.get(text.toLowerCase());
  if (value === undefined) {
    throw usageError(`invalid value "${text}" for --${option.name}: must be true or false`);
  }
  return value;
}

/** A mistake on the command line. */
export function usageError(message: string, hint?: string): RktError {
  return new RktError(message, hint === undefined ? { code: 'EUSAGE' } : { code: 'EUSAGE', hint });
}

/**
 * Collects the values of a set of options as they are met, lists growing, the last one of others winning; where the set is
 * strict, a second value or an empty one is a mistake.
 */
export class OptionSet {
  readonly #options: ReadonlyMap<string, Option>;
  readonly #values = new Map<string, boolean | string | number | string[]>();
  readonly #strict: boolean;

  constructor(options: readonly Option[], { strict = false } = {}) {
    this.#options = new Map(options.map((option) => [option.name, option]));
    this.#strict = strict;
  }

  has(name: string): boolean {
    return this.#options.has(name);
  }

  /** The name of the option that a letter stands for. */
  nameOfLetter(letter: string): string | undefined {
    return [...this.#options.values()].find(({ short }) => short === letter)?.name;
  }

  /** The names that help lists. */
  names(): string[] {
    return [...this.#options.values()].filter(({ hidden }) => hidden !== true).map(({ name }) => name);
  }

  /** Was it given (or taken from the environment)? Defaults do not count. */
  isSet(name: string): boolean {
    return this.#values.has(name);
  }

  /** Takes one value. Errors: EUSAGE where the option cannot hold it. */
  set(name: string, text: string | undefined): void {
    const option = this.#options.get(name);
    if (option === undefined) throw usageError(`unknown option --${name}`);
    if (this.#strict && option.type !== 'switch') this.#refuse(option, text);
    switch (option.type) {
      case 'switch':
        this.#values.set(name, text === undefined ? true : switchValue(option, text));
        break;
      case 'value':
        this.#values.set(name, text ?? option.bare ?? '');
        break;
      case 'duration':
        this.#values.set(name, parseDuration(text ?? '', `--${name}`));
        break;
      case 'list':
        this.#append(option.aliasOf ?? name, text ?? '');
        break;
    }
  }

  #append(name: string, text: string): void {
    this.#values.set(name, [...((this.#values.get(name) as string[] | undefined) ?? []), text]);
  }

  #refuse(option: Option, text: string | undefined): void {
    if (text === '') throw usageError(`option --${option.name} needs a value`);
    if (option.type !== 'list' && this.#values.has(option.name)) {
      throw usageError(`option --${option.name} is given twice`);
    }
  }

  /** Whether a value must follow when there is no `=`. */
  wantsValue(name: string): boolean {
    const option = this.#options.get(name);
    if (option === undefined || option.type === 'switch') return false;
    return !(option.type === 'value' && option.bare !== undefined);
  }

  /** What was given, and the defaults of what was not. */
  values(): OptionValues {
    const all = new Map<string, boolean | string | number | readonly string[]>();
    for (const option of this.#options.values()) {
      if (option.type === 'duration' && option.default !== undefined) {
        all.set(option.name, parseDuration(option.default, `--${option.name}`));
      }
      if ((option.type === 'value' || option.type === 'switch') && option.default !== undefined) {
        all.set(option.name, option.default);
      }
    }
    for (const [name, value] of this.#values) all.set(name, value);
    return all;
  }
}

export interface Reader {
  /** The next word, consumed; undefined at the end. */
  next(): string | undefined;
}

export function reader(words: readonly string[]): Reader {
  let at = 0;
  return { next: () => words[at++] };
}

/** The place of an option on the command line, for errors about it. */
export interface Place {
  /** The command's name; empty where there is none yet. */
  readonly command: string;
  /** Options that may stand further on, after an image. */
  readonly later?: OptionSet | undefined;
  /** Whether an image stands before it. */
  readonly afterImage?: boolean;
  /** Options of other commands, by the name of the command. */
  readonly elsewhere?: Readonly<Record<string, readonly Option[]>> | undefined;
}

/**
 * Takes `word` as an option of one of `sets` (first match wins), reading its value from `rest` where it has none of its own.
 * False where the word is not an option at all. Errors: EUSAGE for unknown options, with the near miss, and for misplaced ones.
 */
export function takeOption(word: string, rest: Reader, sets: readonly OptionSet[], place: Place): boolean {
  const written = asOption(word);
  if (written === undefined) return false;
  const found = written.short ? { ...written, name: nameOfLetter(written.name, sets) } : written;
  const set = sets.find((candidate) => candidate.has(found.name));
  if (set === undefined) {
    const { command, later } = place;
    if (later?.has(found.name) === true) {
      const form = later.wantsValue(found.name) ? `--${found.name}=…` : `--${found.name}`;
      throw usageError(`option --${found.name} must follow an image`, `the form is: rkt ${command} IMAGE ${form}`);
    }
    throw unknownOption(found.name, [...sets, ...(later === undefined ? [] : [later])], place, word);
  }
  if (found.value !== undefined || !set.wantsValue(found.name)) {
    set.set(found.name, found.value);
    return true;
  }
  const value = rest.next();
  if (value === undefined) throw usageError(`option --${found.name} needs a value`);
  set.set(found.name, value);
  return true;
}

const nameOfLetter = (letter: string, sets: readonly OptionSet[]): string =>
  sets.map((set) => set.nameOfLetter(letter)).find((name) => name !== undefined) ?? letter;

function unknownOption(
  name: string,
  sets: readonly OptionSet[],
  { command, afterImage, elsewhere = {} }: Place,
  word: string,
): RktError {
  const owner = Object.keys(elsewhere).find((other) => elsewhere[other]?.some((option) => option.name === name));
  const near = nearest(
    name,
    sets.flatMap((set) => set.names()),
  );
  const help = `see "rkt help${command === '' ? '' : ` ${command}`}"`;
  const other = afterImage === true ? `${help}; what the app is to get stands after "--"` : help;
  const of = command === '' ? '' : ` for "rkt ${command}"`;
  return usageError(
    `unknown option "${word.replace(/=.*$/s, '')}"${of}`,
    owner !== undefined ? `it is an option of "rkt ${owner}"` : near === undefined ? other : `did you mean --${near}?`,
  );
}
