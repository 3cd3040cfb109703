import { appcVersion, version } from '../../runtime/base/version.ts';
import type { Command } from '../command.ts';

export const command: Command = {
  name: 'version',
  summary: 'print versions',
  usage: '',
  description: 'Prints the versions of rkt, of the App Container specification it follows, and of the node it runs on.',
  options: [],
  run(context) {
    context.out(`rkt Version: ${version}\nappc Version: ${appcVersion}\nNode Version: ${process.version}\n`);
    context.out(`OS/Arch: ${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}\n`);
    return 0;
  },
};
