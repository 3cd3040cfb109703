/** What a file in commands/ exports, and how its command line is read. */

import type { Context } from './context.ts';
import {
  type Option,
  OptionSet,
  type OptionValues,
  type Place,
  type Reader,
  reader,
  takeOption,
  usageError,
} from './options.ts';

/** One image on the command line of `run`, with what belongs to it. */
export interface AppArguments {
  readonly image: string;
  /** Values of the options that stood after the image. */
  readonly values: OptionValues;
  /** The words between `--` and `---`; undefined where there was no `--`. */
  readonly args: readonly string[] | undefined;
}

export interface Parsed {
  readonly values: OptionValues;
  readonly args: readonly string[];
  /** The words after `--`, which are part of {@link args} as well; undefined where there was no `--`. */
  readonly afterDashes: readonly string[] | undefined;
  /** Filled for commands that declare `imageOptions`; `args` is empty for these. */
  readonly apps: readonly AppArguments[];
}

/** A command before it is loaded. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export interface Command {
  /** As it is called: of a command below another with the names of both, `image list`. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What follows the command's name in the usage line. */
  readonly usage: string;
  /** A few sentences for `rkt help NAME`. */
  readonly description: string;
  readonly options: readonly Option[];
  /** How many arguments it takes at most; none unless said. */
  readonly maxArgs?: number;
  /** Options stand before the first argument only: what follows that is another program's. A `--` right after it is left out. */
  readonly optionsFirst?: boolean;
  /** Options that may stand after an image and belong to it; the command's arguments are images then. */
  readonly imageOptions?: readonly Option[];
  /** Options that people look for here and that another command has, by the name of that command; for errors. */
  readonly elsewhere?: Readonly<Record<string, readonly Option[]>>;
  /** Commands below this one, of which one is always meant; {@link run} and options are those of the one, then. */
  readonly subcommands?: readonly CommandEntry[];
  /** Exit code; anything thrown becomes {@link failureCode}. */
  run(context: Context, parsed: Parsed): number | Promise<number>;
}

/** Exit code for a failure of rkt itself, so that it can be told from the app's own. */
export const failureCode = 254;

const strictSet = (options: readonly Option[]): OptionSet => new OptionSet(options, { strict: true });

/**
 * Reads what stands after the command's name; global options may stand here too. Errors: EUSAGE.
 */
export function parseCommandLine(command: Command, words: readonly string[], globals: OptionSet): Parsed {
  const own = strictSet(command.options);
  const rest = reader(words);
  const args: string[] = [];
  const apps: AppArguments[] = [];
  let afterDashes: string[] | undefined;
  const later = command.imageOptions && strictSet(command.imageOptions);
  const take = (word: string, sets: readonly OptionSet[], place: Omit<Place, 'command'>): boolean =>
    takeOption(word, rest, sets, { command: command.name, elsewhere: command.elsewhere, ...place });

  for (let word = rest.next(); word !== undefined; word = rest.next()) {
    if (word === '--' && command.imageOptions === undefined) {
      afterDashes = [];
      for (let left = rest.next(); left !== undefined; left = rest.next()) afterDashes.push(left);
      args.push(...afterDashes);
    } else if (word === '--' || word === '---') {
      throw usageError(`"${word}" must follow an image`, `the form is: rkt ${command.name} ${command.usage}`);
    } else if (take(word, [own, globals], { later })) {
    } else if (command.imageOptions === undefined) {
      args.push(word);
      if (command.optionsFirst) takeRest(rest, args);
    } else {
      takeApps(
        word,
        rest,
        command.imageOptions,
        (option, image) => take(option, [image, own, globals], { afterImage: true }),
        apps,
      );
    }
  }
  const surplus = args[command.maxArgs ?? 0];
  if (surplus !== undefined) {
    throw usageError(`unexpected argument "${surplus}"`, `the form is: rkt ${command.name} ${command.usage}`.trimEnd());
  }
  return { values: own.values(), args, afterDashes, apps };
}

/** The words of another program, as they are. */
function takeRest(rest: Reader, args: string[]): void {
  const first = rest.next();
  if (first === undefined) return;
  if (first !== '--') args.push(first);
  for (let word = rest.next(); word !== undefined; word = rest.next()) args.push(word);
}

/** `IMAGE [options] [-- args] [--- IMAGE …]`, from the first image to the end of the line. */
function takeApps(
  first: string,
  rest: Reader,
  imageOptions: readonly Option[],
  takeFor: (word: string, image: OptionSet) => boolean,
  apps: AppArguments[],
): void {
  let image = first;
  let options = strictSet(imageOptions);
  let args: string[] | undefined;
  const finish = (): number => apps.push({ image, values: options.values(), args });

  for (let word = rest.next(); word !== undefined; word = rest.next()) {
    if (word === '--' && args === undefined) {
      args = [];
      for (let arg = rest.next(); arg !== undefined && arg !== '---'; arg = rest.next()) args.push(arg);
    } else if (word !== '---' && !takeFor(word, options)) {
      finish();
      [image, options, args] = [word, strictSet(imageOptions), undefined];
    }
  }
  finish();
}
