import { native } from '../../native/index.ts';

export const streamNames = ['stdin', 'stdout', 'stderr'] as const;
export type StreamName = (typeof streamNames)[number];

/** The standard streams of this process that are terminals. */
export function callerTerminals(): StreamName[] {
  return streamNames.filter((_, fd) => native.isTerminal(fd));
}
