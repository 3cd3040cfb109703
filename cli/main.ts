/**
 * The rkt command: finds the command, parses, runs, prints errors. The only place that ends the process.
 */

import { causesOf, isRktError, messageOf } from '../runtime/base/errors.ts';
import { createLog } from '../runtime/base/log.ts';
import { failureCode, parseCommandLine } from './command.ts';
import { commands, findCommand } from './commands/index.ts';
import type { Context } from './context.ts';
import { applyEnvironment, type Globals, globalOptions, readGlobals } from './global-options.ts';
import { commandHelp, overview } from './help.ts';
import { getSwitch, nearest, OptionSet, reader, takeOption, usageError } from './options.ts';
import { writeAll } from './output.ts';

export interface Streams {
  out(text: string): void;
  err(text: string): void;
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
  let name = firstWord(rest.next());
  while (name !== undefined && takeOption(name, rest, [globals], '')) name = rest.next();
  if (name === undefined) {
    streams.out(overview(commands));
    return getSwitch(globals.values(), 'help') ? 0 : failureCode;
  }

  const entry = findCommand(name);
  if (entry === undefined) throw unknownCommand(name);
  const command = await entry.load();
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
  word === '-h' ? '--help' : word === '--version' || word === '-version' ? 'version' : word;

function remaining(rest: { next(): string | undefined }): string[] {
  const words: string[] = [];
  for (let word = rest.next(); word !== undefined; word = rest.next()) words.push(word);
  return words;
}

function unknownCommand(name: string): Error {
  const near = nearest(
    name,
    commands.map((entry) => entry.name),
  );
  return usageError(`unknown command "${name}"`, near === undefined ? 'see "rkt help"' : `did you mean "rkt ${near}"?`);
}

/** Starts the CPU profile that the user wants, if any; returns what ends it. */
async function startProfile(settings: Globals): Promise<() => Promise<void>> {
  if (settings.cpuProfile === undefined) return async () => {};
  const { startCpuProfile } = await import('./profile.ts');
  return await startCpuProfile(settings.cpuProfile);
}

/** One clear sentence, then what to do; with `--debug` the causes and, for what nobody foresaw, the stack. */
function report(error: unknown, debug: boolean, streams: Streams): void {
  streams.err(`rkt: ${messageOf(error)}\n`);
  if (isRktError(error) && error.hint !== undefined) streams.err(`rkt: ${error.hint}\n`);
  if (!debug) return;
  for (const cause of causesOf(error).slice(1)) streams.err(`rkt: debug: caused by: ${cause}\n`);
  if (!isRktError(error) && error instanceof Error) streams.err(`${error.stack}\n`);
}

/** The process: real streams, real exit. */
export async function start(): Promise<void> {
  const streams = { out: (text: string) => writeAll(1, text), err: (text: string) => writeAll(2, text) };
  process.exitCode = failureCode;
  process.exit(await main(process.argv.slice(2), process.env, streams));
}
