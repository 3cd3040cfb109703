/** Diagnostics go to stderr, each line with the program's name before it, as rkt prints them. Results never come this way. */

export interface Log {
  /** Something the user wants to know. */
  info(message: string): void;
  /** Something that will probably surprise the user later. */
  warn(message: string): void;
  /** Printed only with `--debug`. */
  debug(message: string): void;
  /** Whether debug messages go anywhere. */
  readonly debugging: boolean;
}

export function createLog(write: (line: string) => void, debug: boolean): Log {
  return {
    info: (message) => write(`rkt: ${message}\n`),
    warn: (message) => write(`rkt: warning: ${message}\n`),
    debug: debug ? (message) => write(`rkt: debug: ${message}\n`) : () => {},
    debugging: debug,
  };
}

/** A log that says nothing. */
export const quiet: Log = { info: () => {}, warn: () => {}, debug: () => {}, debugging: false };
