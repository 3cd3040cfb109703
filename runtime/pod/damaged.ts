import { RktError } from '../base/errors.ts';

/** A file of a pod, or of the store, that says nothing sensible: it was cut short, or somebody else has written to it. */
export const damaged = (file: string, reason: string, cause?: unknown, hint?: string): RktError =>
  new RktError(`${file} is damaged: ${reason}`, { code: 'EDAMAGED', ...(hint === undefined ? {} : { hint }), cause });
