/** What completion knows of a command: its declaration, reduced to what can be typed. */

import type { Command, CommandEntry } from '../command.ts';
import { globalOptions } from '../global-options.ts';
import type { Option } from '../options.ts';

/** What an argument of a command is. */
export type Argument = 'command' | 'image' | 'pod' | 'other';

export interface CompletedOption {
  /** With its dashes, and `=` where a value must follow. */
  readonly word: string;
  readonly description: string;
}

export interface CompletedCommand {
  /** Names of the command and those above it; empty for rkt itself. */
  readonly path: readonly string[];
  readonly options: readonly CompletedOption[];
  readonly argument: Argument;
  /** Names and summaries of the commands below it. */
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
}

function completedOption(option: Option): CompletedOption {
  const optional = option.type === 'switch' || (option.type === 'value' && option.bare !== undefined);
  return { word: `--${option.name}${optional ? '' : '='}`, description: option.description };
}

/** Every option once, without those that help does not list. */
function completedOptions(...lists: (readonly Option[])[]): CompletedOption[] {
  const shown = lists.flat().filter((option) => option.hidden !== true);
  return [...new Map(shown.map((option) => [option.name, completedOption(option)])).values()];
}

/** The first word of the usage that stands for something, and is not the value of an option. */
function argumentOf({ usage, subcommands }: Command): Argument {
  if (subcommands !== undefined) return 'command';
  const word = /(?<!=)\b(IMAGE|UUID)\b/.exec(usage)?.[1];
  return word === 'IMAGE' ? 'image' : word === 'UUID' ? 'pod' : 'other';
}

/** rkt itself, then every command. */
export async function completedCommands(entries: readonly CommandEntry[]): Promise<CompletedCommand[]> {
  const root: CompletedCommand = {
    path: [],
    options: completedOptions(globalOptions),
    argument: 'command',
    commands: entries,
  };
  return [root, ...(await below([], entries))];
}

async function below(path: readonly string[], entries: readonly CommandEntry[]): Promise<CompletedCommand[]> {
  const all: CompletedCommand[] = [];
  for (const entry of entries) {
    const command = await entry.load();
    const own = [...path, entry.name];
    const commands = command.subcommands ?? [];
    const options = completedOptions(command.options, command.imageOptions ?? [], globalOptions);
    all.push({ path: own, options, argument: argumentOf(command), commands }, ...(await below(own, commands)));
  }
  return all;
}
