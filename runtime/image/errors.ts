import { errnoOf, messageOf, RktError } from '../base/errors.ts';

/** Something is wrong with an image's archive. `reason` becomes the end of one sentence about the file. */
export class ArchiveError extends Error {
  constructor(reason: string, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause });
    this.name = 'ArchiveError';
  }
}

/** What a person can do about a failed write into the store, by errno. */
const storeFailures: Readonly<Record<string, [reason: string, hint: string]>> = {
  ENOSPC: ['no space is left on the device', 'free some space, or name another data directory with --dir'],
  EDQUOT: ['the disk quota is exceeded', 'free some space, or name another data directory with --dir'],
  EROFS: ['the file system is read-only', 'remount it for writing, or name another data directory with --dir'],
  EACCES: ['permission is denied', 'run rkt as root'],
  EPERM: ['permission is denied', 'run rkt as root'],
  EMFILE: ['too many files are open', 'raise the limit on open files (ulimit -n)'],
  ENOSYS: ['the kernel lacks openat2(2)', 'Linux 5.6 or newer is needed'],
};

/** The error that a person sees when work in the store at `root` failed with a system error. */
export function storeError(doing: string, root: string, error: unknown): RktError {
  const known = storeFailures[errnoOf(error) ?? ''];
  if (known === undefined)
    return new RktError(`${doing} in ${root}: ${messageOf(error)}`, { code: 'ESTORE', cause: error });
  return new RktError(`${doing} in ${root}: ${known[0]}`, { code: 'ESTORE', hint: known[1], cause: error });
}
