import { RktError } from '../../base/errors.ts';

/** A signature that is wrong, or that cannot be read. */
export function verifyError(message: string, hint?: string, cause?: unknown): RktError {
  return new RktError(message, { code: 'EVERIFY', ...(hint === undefined ? {} : { hint }), cause });
}

/** Something about keys and where they are kept. */
export function keyError(message: string, hint?: string, cause?: unknown): RktError {
  return new RktError(message, { code: 'EKEY', ...(hint === undefined ? {} : { hint }), cause });
}
