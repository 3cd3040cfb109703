/**
 * The rkt command: finds the command, parses, runs, prints errors. The only place that ends the process.
 */

import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { causesOf, errnoOf, isRktError, messageOf } from '../runtime/base/errors.ts';
import { createLog } from '../runtime/base/log.ts';
import { nearest } from '../runtime/base/nearest.ts';
import { type Command, type CommandEntry, failureCode, parseCommandLine } from './command.ts';
import { commands } from './commands/index.ts';
import type { Context } from './context.ts';
import { applyEnvironment, type Globals, globalOptions, readGlobals } from './global-options.ts';
import { commandHelp, overview } from './help.ts';
import { getSwitch, OptionSet, type Reader, reader, takeOption, usageError } from './options.ts';
import { writeAll } from './output.ts';
import { printable } from './printable.ts';

export interface Streams {
  /** Returns false where nobody reads any more. */
  out(text: string | Uint8Array): unknown;
  err(text: string | Uint8Array): unknown;
}

/** Runs one command line (without the program's name) and returns the exit code. Never throws. */
export async function main(words: readonly string[], env: NodeJS.ProcessEnv, streams: Streams): Promise<number> {
  const globals = new OptionSet(globalOptions);
  try {
    return await dispatch(words, globals, env, streams);
  } catch (error) {
    report(error, getSwitch(globals.values(), 'debug'), streams);
    return failureCode;
  }
}

async function dispatch(
  words: readonly string[],
  globals: OptionSet,
  env: NodeJS.ProcessEnv,
  streams: Streams,
): Promise<number> {
  const rest = reader(words);
  const command = await chooseCommand(rest, globals);
  if (command === undefined || command.subcommands !== undefined) {
    streams.out(command === undefined ? overview(commands) : commandHelp(command));
    return getSwitch(globals.values(), 'help') ? 0 : failureCode;
  }
  const parsed = parseCommandLine(command, remaining(rest), globals);
  if (getSwitch(globals.values(), 'help')) {
    streams.out(commandHelp(command));
    return 0;
  }
  applyEnvironment(globals, env);
  const settings = readGlobals(globals.values());
  const context: Context = {
    globals: settings,
    env,
    log: createLog(streams.err, settings.debug),
    uid: process.geteuid?.() ?? 0,
    out: streams.out,
    err: streams.err,
    beforeExec: () => finishProfile(),
  };
  const finishProfile = await startProfile(settings);
  try {
    return await command.run(context, parsed);
  } finally {
    await finishProfile();
  }
}

/** What people type first. */
const firstWord = (word: string | undefined): string | undefined =>
  word === '--version' || word === '-version' ? 'version' : word;

/**
 * The command that the first words name; undefined where there is none. One with commands below it stands for itself where the
 * words name none of those.
 */
async function chooseCommand(rest: Reader, globals: OptionSet): Promise<Command | undefined> {
  let command: Command | undefined;
  for (let known = commands; ; known = command.subcommands) {
    let name = firstWord(rest.next());
    while (name !== undefined && takeOption(name, rest, [globals], { command: command?.name ?? '' }))
      name = rest.next();
    if (name === undefined) return command;
    const entry = known.find((candidate) => candidate.name === name);
    if (entry === undefined) throw unknownCommand(name, command, known);
    command = await entry.load();
    if (command.subcommands === undefined) return command;
  }
}

function remaining(rest: Reader): string[] {
  const words: string[] = [];
  for (let word = rest.next(); word !== undefined; word = rest.next()) words.push(word);
  return words;
}

function unknownCommand(name: string, parent: Command | undefined, known: readonly CommandEntry[]): Error {
  const near = nearest(
    name,
    known.map((entry) => entry.name),
  );
  const above = parent === undefined ? '' : `${parent.name} `;
  const hint =
    near === undefined
      ? `see "rkt help${above === '' ? '' : ` ${above.trimEnd()}`}"`
      : `did you mean "rkt ${above}${near}"?`;
  return usageError(`unknown command "${above}${name}"`, hint);
}

/** Starts the CPU profile that the user wants, if any; returns what ends it. */
async function startProfile(settings: Globals): Promise<() => Promise<void>> {
  if (settings.cpuProfile === undefined) return async () => {};
  const { startCpuProfile } = await import('./profile.ts');
  return await startCpuProfile(settings.cpuProfile);
}

/** One clear sentence, then what to do; with `--debug` the causes and, for what nobody foresaw, the stack. */
function report(error: unknown, debug: boolean, streams: Streams): void {
  const say = (text: string): void => void streams.err(`rkt: ${printable(text)}\n`);
  say(messageOf(error));
  const hint = hintOf(error);
  if (hint !== undefined) say(hint);
  if (!debug) return;
  for (const cause of causesOf(error).slice(1)) say(`debug: caused by: ${cause}`);
  if (!isRktError(error) && error instanceof Error) streams.err(`${error.stack}\n`);
}

function hintOf(error: unknown): string | undefined {
  if (isRktError(error) && error.hint !== undefined) return error.hint;
  const cause = isRktError(error) ? error.cause : error;
  return errnoOf(cause) === 'EACCES' && process.geteuid?.() !== 0 ? 'try sudo' : undefined;
}

/** Whether node has put U+FFFD in the place of bytes that are not UTF-8: an app would get other arguments than were given. */
const isDamaged = (argv: readonly string[]): boolean =>
  argv.some((word) => word.includes('\ufffd')) && !isUtf8(readFileSync('/proc/self/cmdline'));

/** The process: real streams, real exit. */
export async function start(): Promise<void> {
  const streams = {
    out: (text: string | Uint8Array) => writeAll(1, text),
    err: (text: string | Uint8Array) => writeAll(2, text),
  };
  process.exitCode = failureCode;
  if (isDamaged(process.argv)) {
    const hint = 'arguments and names cannot have other bytes: manifests are JSON';
    report(usageError('the command line is not valid UTF-8', hint), false, streams);
    process.exit(failureCode);
  }
  process.exit(await main(process.argv.slice(2), process.env, streams));
}
