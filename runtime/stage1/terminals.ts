import { native } from '../../native/index.ts';

export const streamNames = ['stdin', 'stdout', 'stderr'] as const;
export type StreamName = (typeof streamNames)[number];

/** The standard streams of this process that are terminals. */
export function callerTerminals(): StreamName[] {
  return streamNames.filter((_, fd) => native.isTerminal(fd));
}

/** What programs know of the terminal that theirs is relayed to; nothing where it says nothing of itself. */
export function callerTerminalType(): { readonly TERM?: string } {
  const { TERM } = process.env;
  return TERM === undefined || TERM === '' ? {} : { TERM };
}
