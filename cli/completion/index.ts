// Scripts for shells, loaded when one is asked for (deploy/bundle.ts).
export { bashScript } from './bash.ts';
export { zshScript } from './zsh.ts';
