import type { Command } from '../command.ts';
import { completedCommands } from '../completion/model.ts';
import { usageError } from '../options.ts';
import { commands } from './index.ts';

export const command: Command = {
  name: 'completion',
  summary: 'print a script that completes rkt in a shell',
  usage: 'bash|zsh',
  description:
    'Prints a script for bash or zsh that completes commands, options, images and pods. For bash: ' +
    'source <(rkt completion bash). For zsh the same, or the script as a file _rkt in a directory of fpath.',
  options: [],
  maxArgs: 1,
  async run(context, { args: [shell] }) {
    if (shell !== 'bash' && shell !== 'zsh') {
      const what =
        shell === undefined ? 'rkt completion needs the name of a shell' : `there is no completion for "${shell}"`;
      throw usageError(what, 'there is one for bash and one for zsh');
    }
    const { bashScript, zshScript } = await import('../completion/index.ts');
    const known = await completedCommands(commands);
    context.out(shell === 'bash' ? bashScript(known) : zshScript(known));
    return 0;
  },
};
