import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { isRktError, messageOf, RktError } from '../../base/errors.ts';

/** No file that a user writes about a pod is larger, in bytes. */
const maxBytes = 1024 * 1024;

/** The content of a file that `option` names. Errors: EUSAGE. */
export function readInput(option: string, file: string): Buffer {
  const fail = (reason: string, cause?: unknown): never => {
    throw new RktError(`${option} ${file}: ${reason}`, { code: 'EUSAGE', cause });
  };
  let fd = -1;
  try {
    fd = openSync(file, 'r');
    const { size } = fstatSync(fd);
    if (size > maxBytes) fail(`has ${size} bytes, more than the ${maxBytes} allowed`);
    return readFileSync(fd);
  } catch (cause) {
    if (isRktError(cause)) throw cause;
    return fail(messageOf(cause), cause);
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}
