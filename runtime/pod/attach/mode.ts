/** What to attach to: `--mode` of `rkt attach`, as rkt has it. Pure. */

import { RktError } from '../../base/errors.ts';

/** The sockets that an app may have. A terminal has both directions in one. */
export const sockets = ['stdin', 'stdout', 'stderr', 'tty'] as const;
export type Socket = (typeof sockets)[number];

/** Directions as users name them, in the order in which they are listed. */
export const endpoints = ['stdin', 'stdout', 'stderr', 'tty-in', 'tty-out'] as const;
export type Endpoint = (typeof endpoints)[number];

export const socketOf = (endpoint: Endpoint): Socket =>
  endpoint === 'tty-in' || endpoint === 'tty-out' ? 'tty' : endpoint;

export const isInput = (endpoint: Endpoint): boolean => endpoint === 'stdin' || endpoint === 'tty-in';

/** The endpoints that an app with these sockets has. */
export const endpointsOf = (present: readonly Socket[]): Endpoint[] =>
  endpoints.filter((endpoint) => present.includes(socketOf(endpoint)));

export type AttachMode = 'list' | 'auto' | readonly Endpoint[];

const usage = (message: string): RktError =>
  new RktError(message, {
    code: 'EUSAGE',
    hint: 'it takes list, auto, or some of stdin, stdout, stderr, or of tty, tty-in, tty-out, with commas',
  });

/** Errors: EUSAGE. */
export function parseMode(text: string): AttachMode {
  if (text === 'list' || text === 'auto') return text;
  const chosen = new Set<Endpoint>();
  for (const word of text.split(',')) {
    if (word === 'tty') chosen.add('tty-in').add('tty-out');
    else if ((endpoints as readonly string[]).includes(word)) chosen.add(word as Endpoint);
    else throw usage(`--mode: unknown endpoint "${word}"`);
  }
  if (new Set([...chosen].map((endpoint) => socketOf(endpoint) === 'tty')).size > 1) {
    throw usage(`--mode=${text}: a terminal and other streams cannot be attached to at once`);
  }
  return [...chosen];
}
