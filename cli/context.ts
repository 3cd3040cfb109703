/** What a command may touch. Injected, so that a test can run a command without a process of its own. */

import { RktError } from '../runtime/base/errors.ts';
import type { Log } from '../runtime/base/log.ts';
import type { Globals } from './global-options.ts';

export interface Context {
  readonly globals: Globals;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  /** Effective user id. */
  readonly uid: number;
  /** Results. Returns false where nobody reads them any more. */
  out(text: string | Uint8Array): unknown;
  /** Diagnostics that are not log lines. */
  err(text: string | Uint8Array): unknown;
  /** For a command that is about to become another program: what would otherwise be done at the end of this one. */
  beforeExec(): Promise<void>;
}

/** Errors: EPERM-like RktError with what to do, where the command needs root and does not have it. */
export function requireRoot(context: Context, command: string): void {
  if (context.uid === 0) return;
  throw new RktError(`rkt ${command}: must be run as root, not as user ${context.uid}`, {
    code: 'ENOTROOT',
    hint: `try "sudo rkt ${command} …"`,
  });
}
