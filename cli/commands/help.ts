import type { Command } from '../command.ts';
import { commandHelp, overview } from '../help.ts';
import { usageError } from '../options.ts';
import { commands, findCommand } from './index.ts';

export const command: Command = {
  name: 'help',
  summary: 'show help for rkt or for a command',
  usage: '[COMMAND]',
  description: 'Shows the list of commands, or the options of one command.',
  maxArgs: 1,
  options: [],
  async run(context, { args }) {
    const name = args[0];
    if (name === undefined) {
      context.out(overview(commands));
      return 0;
    }
    const entry = findCommand(name);
    if (entry === undefined) throw usageError(`unknown command "${name}"`, 'see "rkt help"');
    context.out(commandHelp(await entry.load()));
    return 0;
  },
};
