import type { Command, CommandEntry } from '../command.ts';
import { commandHelp, overview } from '../help.ts';
import { usageError } from '../options.ts';
import { commands } from './index.ts';

function unknown(parent: Command | undefined, name: string): Error {
  return parent === undefined
    ? usageError(`unknown command "${name}"`, 'see "rkt help"')
    : usageError(`unknown command "${parent.name} ${name}"`, `see "rkt help ${parent.name}"`);
}

export const command: Command = {
  name: 'help',
  summary: 'show help for rkt or for a command',
  usage: '[COMMAND...]',
  description:
    'Shows the list of commands, or the options of one command ("rkt help image list" of one below another).',
  maxArgs: Infinity,
  options: [],
  async run(context, { args }) {
    let known: readonly CommandEntry[] = commands;
    let found: Command | undefined;
    for (const name of args) {
      const entry = known.find((candidate) => candidate.name === name);
      if (entry === undefined) throw unknown(found, name);
      found = await entry.load();
      known = found.subcommands ?? [];
    }
    context.out(found === undefined ? overview(commands) : commandHelp(found));
    return 0;
  },
};
