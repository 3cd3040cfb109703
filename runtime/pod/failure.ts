import { errnoOf, isRktError, messageOf, RktError } from '../base/errors.ts';

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'make room in the data directory, or choose another one with --dir',
  EDQUOT: 'make room in the data directory, or choose another one with --dir',
  EROFS: 'the data directory must be writable; another one is chosen with --dir',
};

/** An error for people: what the system refused, while what was being done. Errors that are for people already stay as they are. */
export function failureOf(what: string, error: unknown): unknown {
  const errno = errnoOf(error);
  if (isRktError(error) || errno === undefined) return error;
  const hint = hints[errno];
  return new RktError(`${what}: ${messageOf(error)}`, {
    code: 'EPOD',
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
